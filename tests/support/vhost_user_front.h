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
#include <vector>

#include "guest_memory.h"
#include "runtime/unique_fd.h"
#include "vhost_user_session.h"

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
  uint64_t features() const { return session_.features(); }
  uint64_t protocol_features() const { return session_.protocol_features(); }

  DriverMemory& memory() { return memory_->driver(); }
  DriverQueue& queue(uint16_t index) { return *session_.ring(index).queue; }
  // After queue(index).publish(): tells the back-end if it wants to hear of it. True if it did.
  bool kick_if_needed(uint16_t index) { return session_.kick_if_needed(index); }
  // Until the back-end calls; false if it did not in time. Other queues keep their calls.
  bool wait_for_call(uint16_t index, std::chrono::milliseconds timeout);

  std::vector<std::byte> read_config(uint32_t offset, uint32_t size);
  // The device status; nothing if the back-end does not know it (STATUS).
  std::optional<uint8_t> status();

  // Stops a queue; where it stands, as SET_VRING_BASE takes it.
  uint32_t stop_queue(uint16_t index) { return session_.stop_ring(index); }
  void start_queue(uint16_t index, uint32_t base);

  // The back-end is gone and another one took its place: says everything again. Memory and queues
  // stay, and the record of what is under way, if the first one made one (INFLIGHT_SHMFD).
  void reconnect(VhostUserChannel channel);

 private:
  void come_up();
  void negotiate();
  void share_inflight();
  void add_status(uint8_t status);

  Options options_;
  VhostUserSession session_;
  runtime::UniqueFd requests_;           // of the back-end, which nobody reads
  std::unique_ptr<GuestMemory> memory_;  // where it stays when this is moved
  std::optional<VhostUserChannel::Reply> inflight_;
};

}  // namespace stratos::test
