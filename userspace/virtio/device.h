// SPDX-License-Identifier: Apache-2.0
// What a device model is, seen from the transport, and what the transport is,
// seen from a device model. Neither knows anything else of the other.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/queue.h"

namespace stratos::virtio {

// Monotonic time in nanoseconds; comes from the caller, never from a clock.
using Time = uint64_t;

// What never changes in a device.
struct DeviceType {
  uint32_t device_id = 0;                     // VIRTIO_*_DEVICE_ID
  uint32_t config_size = 0;                   // bytes of configuration space
  std::span<const uint16_t> max_queue_sizes;  // one entry per queue
};

// The services that the transport offers to a device while it is started.
class Transport {
 public:
  // Queue `index`, or nullptr if the driver did not enable it. The device pops
  // chains and pushes them back; the transport publishes what was pushed and
  // notifies the driver at the end of the turn. If the device found the queue empty
  // the driver is asked for a kick then: so ask for the queue anew in each call.
  virtual Queue* queue(uint16_t index) = 0;
  // The queue got pushed to outside of Device::process(), by a port that
  // finished: have it published at the end of the turn.
  virtual void completed(uint16_t index) = 0;
  // The device left chains in the queue because a port was busy, and no kick will come
  // for them: have process() called for it. For a port that finished.
  virtual void serve_again(uint16_t index) = 0;
  // The configuration space changed: tell the driver.
  virtual void config_changed() = 0;
  // The driver broke a rule that only the device knows: DEVICE_NEEDS_RESET.
  virtual void needs_reset() = 0;

 protected:
  ~Transport() = default;
};

// A device model: a state machine without threads, clock, heap or I/O of its own.
// All calls come from one thread. A device is configured, started, stopped and
// started again any number of times.
class Device {
 public:
  virtual const DeviceType& type() const = 0;

  // Device-specific and ring feature bits on offer. The transport adds those of
  // its own (VERSION_1, ACCESS_PLATFORM, ORDER_PLATFORM, EVENT_IDX, RING_PACKED).
  virtual uint64_t features() const = 0;
  // Whether the device can work with this subset (FEATURES_OK).
  virtual bool accept(uint64_t features) const = 0;

  // Reads configuration space; the range was checked against config_size.
  virtual void read_config(uint32_t offset, std::span<std::byte> into) const = 0;
  // Writes configuration space; false if the device does not allow it.
  virtual bool write_config(uint32_t offset, std::span<const std::byte> from) = 0;

  // DRIVER_OK: `transport` stays valid until stop() returns.
  virtual void start(Transport& transport, uint64_t features) = 0;
  // Reset or removal: from here on the device touches no chain and no queue. Port
  // operations under way are forgotten by the model; those that still touch shared
  // memory keep idle() false.
  virtual void stop() = 0;
  // False while a port operation still reads or writes shared memory.
  virtual bool idle() const { return true; }

  // The driver has made buffers available in `queue`. Serves at most `budget`
  // chains; returns true if more may be waiting.
  virtual bool process(uint16_t queue, Time now, uint32_t budget) = 0;

  // State beyond features and queues that has to survive the helper's process:
  // at most kMaxState bytes, written after each change by the transport.
  static constexpr size_t kMaxState = 64;
  virtual size_t save(std::span<std::byte> /*into*/) const { return 0; }
  // Called before start() when the device goes on where a predecessor stopped.
  // False if the bytes make no sense: the device then needs a reset.
  virtual bool restore(std::span<const std::byte> from) { return from.empty(); }

 protected:
  ~Device() = default;
};

}  // namespace stratos::virtio
