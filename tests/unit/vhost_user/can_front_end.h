// SPDX-License-Identifier: Apache-2.0
// A guest with a CAN device behind a vhost-user front-end, which reconnects as QEMU does.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/loop.h"
#include "vhost_user/front_end.h"

namespace stratos::links::vhost_user {

// Its frames carry a number, by which a test knows them again.
class CanFrontEnd {
 public:
  CanFrontEnd(runtime::Loop& loop, std::string path, bool inflight);

  // Connects and sets up what the driver has: nothing the first time.
  void connect();
  // Starts the controller; false if the device refuses.
  bool start_controller();
  // Queues frame `number`; false if there is no room just now.
  bool send(uint32_t number);
  // Takes what came: results and frames.
  void poll();

  // Results of send(), by the frame's number: 0 is VIRTIO_CAN_RESULT_OK.
  const std::map<uint32_t, uint8_t>& results() const { return results_; }
  // Numbers of the frames heard, in their order.
  const std::vector<uint32_t>& heard() const { return heard_; }
  FrontEnd& front() { return *front_; }
  GuestMemory& memory() { return memory_; }

 private:
  void post_receive_buffer(uint64_t address);
  void kick(uint16_t index);

  runtime::Loop& loop_;
  std::string path_;
  bool keep_inflight_;
  GuestMemory memory_{4 << 20};
  std::unique_ptr<FrontEnd> front_;
  std::optional<Reply> inflight_;
  std::vector<std::unique_ptr<test::DriverQueue>> queues_;  // while not connected
  std::vector<uint64_t> free_messages_;
  struct Sent {
    uint64_t address = 0;
    uint32_t number = 0;
  };
  std::map<uint16_t, Sent> sent_;         // by chain id
  std::map<uint16_t, uint64_t> buffers_;  // by chain id
  std::map<uint32_t, uint8_t> results_;
  std::vector<uint32_t> heard_;
};

}  // namespace stratos::links::vhost_user
