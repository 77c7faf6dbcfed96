// SPDX-License-Identifier: Apache-2.0
// The driver side of a virtqueue, for tests and benchmarks.
//
// It behaves as a good driver does, and it does not trust the device either: a used
// element that no device may write throws std::logic_error. For bad drivers, the
// derived classes give access to every field of the rings.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "driver_memory.h"
#include "virtio/queue_types.h"

namespace stratos::test {

struct Buffer {
  uint64_t address = 0;
  uint32_t size = 0;
};

struct Used {
  uint16_t id = 0;
  uint32_t length = 0;

  friend bool operator==(const Used&, const Used&) = default;
};

class DriverQueue {
 public:
  // Split or packed; `features` says size, packed, event_idx and indirect, the areas are
  // allocated in `memory`.
  static std::unique_ptr<DriverQueue> make(DriverMemory& memory,
                                           const virtio::QueueSetup& features);
  virtual ~DriverQueue() = default;
  // The same driver in the same state, on the same memory.
  virtual std::unique_ptr<DriverQueue> clone() const = 0;

  // What to start the device's queue with.
  const virtio::QueueSetup& setup() const { return setup_; }

  // Adds a chain, in an indirect table if asked to; the device does not see it before
  // publish(). Returns its id (head or buffer id), or nothing if there is no room.
  virtual std::optional<uint16_t> add(std::span<const Buffer> readable,
                                      std::span<const Buffer> writable, bool indirect = false) = 0;
  // Makes everything added available.
  virtual void publish() = 0;
  // After publish(): whether the device wants to be notified of it.
  virtual bool kick_needed() = 0;
  // The next used chain.
  virtual std::optional<Used> get_used() = 0;

  // Asks the device not to notify, or to notify of the next used chain. The latter
  // returns true if there is one already.
  virtual void disable_notifications() = 0;
  virtual bool enable_notifications() = 0;

  // Behind the last chain that get_used() returned, in the form of vhost-user's SET_VRING_BASE.
  virtual uint32_t used_position() const = 0;

  // Chains added and not used.
  virtual uint16_t outstanding() const = 0;

 protected:
  explicit DriverQueue(const virtio::QueueSetup& features) : setup_(features) {}
  virtio::QueueSetup setup_;
};

}  // namespace stratos::test
