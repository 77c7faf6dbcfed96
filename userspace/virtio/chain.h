// SPDX-License-Identifier: Apache-2.0
// A descriptor chain, taken from a queue: a request of the driver.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::virtio {

// The private copy of one descriptor, already translated and bounds-checked.
// What it points to is shared memory that the driver may change at any time.
struct Segment {
  std::byte* data = nullptr;
  uint32_t size = 0;
};

// The longest chain that a queue accepts; a longer one breaks the queue.
inline constexpr size_t kMaxSegments = 64;

// A chain belongs to whoever popped it until it is given back with Queue::push().
// It may be copied freely: it holds no resource.
class Chain {
 public:
  // The index of the head descriptor (split) or the buffer id (packed): what
  // names the chain towards the queue.
  uint16_t id() const { return id_; }

  std::span<const Segment> readable() const { return {segments_.data(), readable_count_}; }
  std::span<const Segment> writable() const {
    return {segments_.data() + readable_count_, static_cast<size_t>(count_ - readable_count_)};
  }
  uint64_t readable_size() const { return readable_size_; }
  uint64_t writable_size() const { return writable_size_; }

  // Copies up to `into.size()` readable bytes from `offset` on; returns how many.
  // This is the single read of these bytes: check and use the copy.
  size_t read(uint64_t offset, std::span<std::byte> into) const;
  // Copies `from` to the writable bytes from `offset` on; returns how many fitted.
  size_t write(uint64_t offset, std::span<const std::byte> from) const;

 private:
  friend class ChainBuilder;
  uint16_t id_ = 0;
  uint16_t descriptors_ = 0;  // ring slots that the chain takes (packed)
  uint16_t count_ = 0;
  uint16_t readable_count_ = 0;
  uint64_t readable_size_ = 0;
  uint64_t writable_size_ = 0;
  std::array<Segment, kMaxSegments> segments_;
};

}  // namespace stratos::virtio
