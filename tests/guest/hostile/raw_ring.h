// SPDX-License-Identifier: Apache-2.0
// Raw access to a ring of either kind, for tricks: nothing is checked, as the driver is
// the honest side here.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "hostile/hostile_device.h"
#include "virtio/packed_position.h"

namespace stratos::guest {

class RawRing {
 public:
  static constexpr std::optional<RingKind> kOnly{};  // tricks with it suit both kinds

  struct Part {
    uint64_t address = 0;
    uint32_t size = 0;
  };
  // What the driver made available.
  struct Chain {
    uint16_t id = 0;
    uint16_t slots = 1;  // descriptors, in a packed ring
    Part writable;       // its last descriptor
  };

  virtual ~RawRing() = default;
  // The oldest chain that is not used; false if there is none.
  virtual bool next(Chain& chain) const = 0;
  // Tells the driver that something is used, whatever is said of it.
  virtual void push(uint32_t id, uint32_t length, uint16_t slots) const = 0;

  void write(const Chain& chain, std::span<const std::byte> bytes) const;
  // Serves everything as a good device does, with one byte of answer.
  void serve(std::byte result) const;

 protected:
  RawRing(HostileDevice& device, uint16_t index)
      : device_(device), index_(index), setup_(device.queue(index)) {}
  // What was written before is visible before what comes.
  static void publish();

  HostileDevice& device_;
  uint16_t index_;
  const virtio::QueueSetup& setup_;
};

class RawSplitRing final : public RawRing {
 public:
  static constexpr std::optional<RingKind> kOnly = RingKind::kSplit;

  RawSplitRing(HostileDevice& device, uint16_t index) : RawRing(device, index) {}
  bool next(Chain& chain) const override;
  void push(uint32_t id, uint32_t length, uint16_t slots = 1) const override;

  uint16_t used_idx() const;
  void set_used_idx(uint16_t value) const;
  // All that the device writes in good order: flags, index and elements.
  std::span<std::byte> used_area() const;

 private:
  std::byte* avail(uint64_t at) const { return device_.at(setup_.driver + at, 2); }
  std::byte* used(uint64_t at) const { return device_.at(setup_.device + at, 2); }
};

class RawPackedRing final : public RawRing {
 public:
  static constexpr std::optional<RingKind> kOnly = RingKind::kPacked;

  RawPackedRing(HostileDevice& device, uint16_t index) : RawRing(device, index) {}
  bool next(Chain& chain) const override;
  void push(uint32_t id, uint32_t length, uint16_t slots) const override;

  // A used element at a position that need not be the next.
  void put_used(virtio::PackedPosition at, uint32_t id, uint32_t length) const;
  virtio::PackedPosition& position() const { return device_.packed_position(index_); }
  uint16_t size() const { return setup_.size; }
  std::span<std::byte> descriptors() const;
  // The driver's event suppression area, or the device's.
  std::span<std::byte> driver_events() const;
  std::span<std::byte> device_events() const;
  void notify() const { device_.notify_queue(index_); }

 private:
  std::byte* descriptor(uint16_t slot) const;
};

// The ring of a queue, as the driver set it up.
std::unique_ptr<RawRing> raw_ring(HostileDevice& device, uint16_t index);

}  // namespace stratos::guest
