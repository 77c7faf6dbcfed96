// SPDX-License-Identifier: Apache-2.0
// What any vhost-user front-end says of features, memory and rings, step by step: the order is the
// caller's. What goes wrong is thrown as std::runtime_error.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "driver_queue.h"
#include "guest_memory.h"
#include "runtime/event_fd.h"
#include "vhost_user_channel.h"
#include "virtio/limits.h"

namespace stratos::test {

class VhostUserSession {
 public:
  struct Ring {
    std::unique_ptr<DriverQueue> queue;
    std::optional<runtime::EventFd> kick;
    std::optional<runtime::EventFd> call;
    std::optional<runtime::EventFd> error;
  };

  explicit VhostUserSession(VhostUserChannel channel) : channel_(std::move(channel)) {}
  VhostUserChannel& channel() { return channel_; }

  // Takes all of `features` and `protocol` that are offered; accept_features() says so.
  void agree_on(uint64_t features, uint64_t protocol);
  void accept_features();
  uint64_t features() const { return features_; }  // those that a driver sees
  uint64_t protocol_features() const { return protocol_features_; }
  bool has(uint64_t protocol_feature) const { return (protocol_features_ & protocol_feature) != 0; }
  void set_status(uint64_t status) { channel_.tell(vhost_user::Request::kSetStatus, status); }

  void share(GuestMemory& memory);
  GuestMemory& memory() { return *memory_; }  // shared last

  Ring& ring(uint16_t index) { return rings_.at(index); }
  // A queue of the driver in memory().
  void make_ring(uint16_t index, uint16_t size = 64);
  void make_bells(uint16_t index);
  vhost_user::VringAddress address_of(uint16_t index) const;
  // Number, base, addresses and bells; not the enabling.
  void announce_ring(uint16_t index, uint32_t base);
  void enable_ring(uint16_t index, bool enable = true);
  // Where it stands, as SET_VRING_BASE takes it.
  uint32_t stop_ring(uint16_t index);
  // The same of a back-end that is gone: behind all that it used, seen by the driver or not.
  uint32_t left_base(uint16_t index) const;
  // After queue->publish(): tells the back-end if it wants to hear of it. True if it did.
  bool kick_if_needed(uint16_t index);

  // The record of what is under way, for set_inflight() of this session and later ones. Not
  // everybody pads the request alike.
  VhostUserChannel::Reply get_inflight(uint16_t queues, uint16_t queue_size, size_t padding = 0);
  void set_inflight(const VhostUserChannel::Reply& inflight);

 private:
  VhostUserChannel channel_;
  uint64_t features_ = 0;
  uint64_t protocol_features_ = 0;
  GuestMemory* memory_ = nullptr;
  std::array<Ring, virtio::kMaxQueues> rings_;
};

}  // namespace stratos::test
