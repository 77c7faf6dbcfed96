// SPDX-License-Identifier: Apache-2.0
// A vhost-user front-end in user space, for tests and benchmarks: what QEMU is to a back-end, with
// a driver in the same process. It drives any back-end with any device, ours or a stranger's. What
// goes wrong is thrown as std::runtime_error.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "driver_memory.h"
#include "driver_queue.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"
#include "vhost_user_channel.h"

namespace stratos::test {

class VhostUserFront {
 public:
  struct Options {
    uint16_t queues = 1;
    uint16_t queue_size = 256;
    // Of those on offer; what is not used here is never taken.
    uint64_t features = ~uint64_t{0};
    uint64_t protocol_features = ~uint64_t{0};
    size_t memory_size = size_t{16} << 20;
  };

  // From the first message to a running device.
  VhostUserFront(VhostUserChannel channel, const Options& options);

  // Negotiated.
  uint64_t features() const { return features_; }
  uint64_t protocol_features() const { return protocol_features_; }

  DriverMemory& memory() { return *memory_; }
  DriverQueue& queue(uint16_t index) { return *queues_[index].ring; }
  // After queue(index).publish(): tells the back-end if it wants to hear of it. True if it did.
  bool kick_if_needed(uint16_t index);
  // Until the back-end calls; false if it did not in time. Other queues keep their calls.
  bool wait_for_call(uint16_t index, std::chrono::milliseconds timeout);

  std::vector<std::byte> read_config(uint32_t offset, uint32_t size);
  // The device status; nothing if the back-end does not know it (STATUS).
  std::optional<uint8_t> status();

  // Stops a queue; where it stands, as SET_VRING_BASE takes it.
  uint32_t stop_queue(uint16_t index);
  void start_queue(uint16_t index, uint32_t base);

  // The back-end is gone and another one took its place: says everything again. Memory and queues
  // stay, and the record of what is under way, if the first one made one (INFLIGHT_SHMFD).
  void reconnect(VhostUserChannel channel);

 private:
  struct Queue {
    std::unique_ptr<DriverQueue> ring;
    runtime::UniqueFd kick;
    runtime::UniqueFd call;
  };
  struct Inflight {
    vhost_user::InflightArea area;
    runtime::UniqueFd fd;
  };

  void negotiate();
  void make_queues();
  void share_memory();
  void share_inflight();
  void set_status(uint8_t status);
  uint64_t user_address(uint64_t guest) const;
  bool has(uint64_t protocol_feature) const { return (protocol_features_ & protocol_feature) != 0; }

  Options options_;
  VhostUserChannel channel_;
  runtime::UniqueFd requests_;  // of the back-end, which nobody reads
  uint64_t features_ = 0;
  uint64_t protocol_features_ = 0;
  runtime::UniqueFd memory_fd_;
  runtime::Mapping mapping_;
  std::unique_ptr<DriverMemory> memory_;
  std::vector<Queue> queues_;
  std::optional<Inflight> inflight_;
};

}  // namespace stratos::test
