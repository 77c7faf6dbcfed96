// SPDX-License-Identifier: Apache-2.0
// A descriptor chain, taken from a queue: a request of the driver.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::virtio {

// The private copy of one descriptor, already translated and bounds-checked.
// What it points to is shared memory that the driver may change at any time.
struct Segment {
  std::byte* data;
  uint32_t size;
};

// The longest chain that a queue accepts; a longer one breaks the queue.
inline constexpr size_t kMaxSegments = 64;

// A chain belongs to whoever popped it until it is given back with Queue::push().
// It may be copied freely: it holds no resource, and a copy costs only what the chain
// has segments.
class Chain {
 public:
  // An empty chain. The segments stay uninitialised on purpose: pop() is on the data
  // path and writes those that count.
  Chain() {}
  Chain(const Chain& other) { *this = other; }
  Chain& operator=(const Chain& other) {
    if (this == &other) return *this;
    header_ = other.header_;
    std::copy_n(other.segments_.begin(), header_.count, segments_.begin());
    return *this;
  }

  // The index of the head descriptor (split) or the buffer id (packed): what names the
  // chain towards the queue. Below the queue's size, and unique among the chains that
  // are popped and not yet pushed.
  uint16_t id() const { return header_.id; }

  std::span<const Segment> readable() const { return {segments_.data(), header_.readable_count}; }
  std::span<const Segment> writable() const {
    return {segments_.data() + header_.readable_count,
            static_cast<size_t>(header_.count - header_.readable_count)};
  }
  // Whether a predecessor of this process had the chain in flight when it died, so that
  // it may have served the chain already. A peer that can write the record (inflight.h)
  // can make this up.
  bool resumed() const { return header_.resumed; }

  uint64_t readable_size() const { return header_.readable_size; }
  uint64_t writable_size() const { return header_.writable_size; }

  // Copies up to `into.size()` readable bytes from `offset` on; returns how many.
  // This is the single read of these bytes: check and use the copy.
  size_t read(uint64_t offset, std::span<std::byte> into) const;
  // Copies `from` to the writable bytes from `offset` on; returns how many fitted.
  size_t write(uint64_t offset, std::span<const std::byte> from) const;

 private:
  friend class ChainBuilder;
  friend class SplitQueue;
  friend class PackedQueue;

  struct Header {
    uint16_t id = 0;
    uint16_t count = 0;           // segments
    uint16_t readable_count = 0;  // the first ones
    uint16_t slots = 0;           // places in the ring that the chain takes (packed)
    uint16_t first_record = 0;    // where it is recorded (packed, see packed_inflight.h)
    uint16_t last_record = 0;
    bool resumed = false;  // comes from a predecessor's record, not from the ring
    uint32_t readable_size = 0;
    uint32_t writable_size = 0;
  };
  Header header_;
  std::array<Segment, kMaxSegments> segments_;
};

}  // namespace stratos::virtio
