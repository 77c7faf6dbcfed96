// SPDX-License-Identifier: Apache-2.0
// Steps with RPMB devices that tests and demonstrations share.

#pragma once

#include <linux/virtio_rpmb.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "harness/guest.h"
#include "harness/scratch.h"

namespace stratos::guest {

// A new store on this machine, as an operator makes it: with stratos-rpmb.
class RpmbStore {
 public:
  RpmbStore(const Scratch& scratch, const std::string& name);

  // The [[device]] of it, as `number` of a link.
  std::string device(int number, const std::string& link = "a") const;
  // Whether stratos-rpmb finds nothing wrong with it; only while no helper has it open.
  bool verify() const;

 private:
  int run(std::vector<std::string> arguments) const;

  std::string name_;
  std::filesystem::path store_;
  std::filesystem::path anchor_;
  std::filesystem::path key_;
  std::filesystem::path log_;
};

// The same in a guest, for a helper there.
class LocalRpmbStore {
 public:
  LocalRpmbStore(Guest& guest, const std::string& name);

  std::string device(int number) const;
  bool verify() const;

 private:
  Guest* guest_;
  std::string name_;
};

// A [[link]] named "a".
std::string rpmb_link(const std::filesystem::path& socket);

// The [[device]] of a partition that knows what an eMMC knows, as number 0 of link "a". Its node
// has no card behind it that would tell size and limits.
std::string rpmb_partition(const std::string& node);

// Loads the frontend and its transport and waits for /dev/vrpmb0.
void insmod_virtio_rpmb(Guest& guest, const std::string& bus = "virtio_msg_ivshmem");

// What a client chooses: 32 bytes for the key of the device, 256 for a block. The text is
// repeated as often as it takes.
std::string rpmb_key(const std::string& text);
std::string rpmb_block(const std::string& text);

// A frame that writes one block, or one register of the device configuration, with its MAC.
std::string rpmb_write_frame(const std::string& key, const std::string& block, uint16_t address,
                             uint32_t write_counter, uint16_t type = VIRTIO_RPMB_REQ_DATA_WRITE);

}  // namespace stratos::guest
