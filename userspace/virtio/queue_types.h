// SPDX-License-Identifier: Apache-2.0
// What split and packed queues have in common.

#pragma once

#include <cstdint>

namespace stratos::virtio {

// The largest queue that this build serves. Bounds what a queue stores about its
// chains (about 7 bytes per entry, in the Queue object); a power of two.
#ifdef STRATOS_MAX_QUEUE_SIZE
inline constexpr uint16_t kMaxQueueSize = STRATOS_MAX_QUEUE_SIZE;
#else
inline constexpr uint16_t kMaxQueueSize = 1024;
#endif
static_assert(kMaxQueueSize > 0 && kMaxQueueSize <= 32768);
static_assert((kMaxQueueSize & (kMaxQueueSize - 1)) == 0);

// Where in its ring a queue begins or stopped, with all chains before it used and none
// after it taken: a fresh one is at the defaults.
struct QueuePosition {
  uint16_t next = 0;  // an avail and used idx (split), a slot (packed)
  bool wrap = true;   // the wrap counter (packed)

  friend bool operator==(const QueuePosition&, const QueuePosition&) = default;
};

// Where a queue lies, as the driver said it (SET_VQUEUE or SET_VRING_ADDR).
struct QueueSetup {
  uint16_t size = 0;       // entries
  uint64_t desc = 0;       // descriptor table, or the packed ring
  uint64_t driver = 0;     // avail ring, or the driver event suppression area
  uint64_t device = 0;     // used ring, or the device event suppression area
  bool packed = false;     // VIRTIO_F_RING_PACKED
  bool event_idx = false;  // VIRTIO_F_EVENT_IDX
  bool indirect = false;   // VIRTIO_F_INDIRECT_DESC
  QueuePosition begin{};   // SET_VRING_BASE
};

// What a driver can do wrong.
enum class QueueError : uint8_t {
  kNone,
  kNotStarted,
  kSize,           // 0, above kMaxQueueSize, or no power of two (split)
  kAlignment,      // an area is not aligned as the specification demands
  kBounds,         // an area is not inside the memory
  kAvailIndex,     // more was made available than the queue has entries, or a bad position
  kHead,           // a head (packed: a buffer id) is not below the queue size
  kNext,           // a next is not an index of the table
  kChainTooLong,   // a loop, more than kMaxSegments, or more than the ring has room for
  kSegmentBounds,  // address and length are not inside the memory
  kSegmentEmpty,   // length 0
  kChainSize,      // more than 2^32 - 1 bytes
  kReadableAfterWritable,
  kIndirectNotNegotiated,
  kIndirectNested,
  kIndirectWithNext,  // also a packed chain that mixes direct and indirect descriptors
  kIndirectSize,      // no multiple of 16, 0, or more than kMaxSegments descriptors
  kIndirectBounds,
  kFlags,      // a descriptor flag that means nothing here
  kDoubleUse,  // a head (packed: a buffer id) that is in flight was made available again
  kInflight,   // a record of a predecessor that makes no sense
};

// The enumerator's name without the k, for logs and statistics.
const char* to_string(QueueError error);

enum class PopResult : uint8_t { kChain, kEmpty, kBroken };

}  // namespace stratos::virtio
