// SPDX-License-Identifier: Apache-2.0
// Which chains of a packed queue are in flight, with copies of their descriptors,
// recorded for a successor. Why it is safe to be killed at any time is said in
// inflight.h.

#pragma once

#include <array>
#include <cstdint>

#include "virtio/chain.h"
#include "virtio/descriptor.h"
#include "virtio/id_set.h"
#include "virtio/inflight.h"
#include "virtio/packed_position.h"
#include "virtio/queue_types.h"

namespace stratos::virtio {

// The entries that hold one chain, linked in the order of its descriptors.
struct RecordRange {
  uint16_t first = 0;
  uint16_t last = 0;
};

class PackedInflight {
 public:
  // Begins an empty record for a queue of `size` entries, whose next used element goes to
  // `used`; with an empty table, none.
  QueueError start(InflightTable table, uint16_t size, PackedPosition used);
  // Whether start() has ever completed on this table.
  static bool begun(InflightTable table);
  // Takes over the record of a predecessor of the queue whose ring is `ring`.
  QueueError resume(InflightTable table, uint16_t size, const std::byte* ring);
  // After resume(): where the next used element goes, and how many slots from there on
  // belong to chains in flight.
  PackedPosition used() const { return used_; }
  uint16_t resumed_slots() const { return resumed_slots_; }

  // How many recorded chains were not popped again yet.
  uint16_t resumable() const { return static_cast<uint16_t>(end_ - next_resumed_); }
  // The first entry of the oldest of them. Only if resumable().
  uint16_t take() { return heads_[next_resumed_++]; }
  void put_back(uint16_t entry) { heads_[--next_resumed_] = entry; }
  // The descriptor that a resumed chain has in `entry`, read once.
  Descriptor descriptor(uint16_t entry) const;
  // The next entry of a resumed chain, or size() at its end.
  uint16_t next(uint16_t entry) const { return next_[entry]; }

  // A chain is about to be popped from the ring: begin_chain(), add() for each of its
  // descriptors, popped() at the end. Without the latter nothing happened.
  void begin_chain() { open_ = {free_head_, free_head_}; }
  void add(const Descriptor& descriptor, bool last) {
    if (recording()) record_descriptor(descriptor, last);
  }
  RecordRange popped(uint16_t slots) {
    if (recording()) record_pop(slots);
    return open_;
  }
  void unpopped(RecordRange chain) {
    if (recording()) record_unpop(chain);
  }
  void pushed(RecordRange chain) {
    if (recording()) record_push(chain);
  }
  // What was pushed is about to be shown to the driver, which moves the used position
  // to `used`; and was shown.
  void publishing(PackedPosition used) {
    if (recording()) record_publishing(used);
  }
  void published() {
    if (recording()) record_published();
  }

 private:
  bool recording() const { return table_ != nullptr; }
  std::byte* entry(uint16_t index) const;
  void set_mark(uint16_t index, uint8_t mark) const;
  void link(uint16_t index, uint16_t next);
  void record_descriptor(const Descriptor& descriptor, bool last);
  void record_pop(uint16_t slots);
  void record_unpop(RecordRange chain);
  void record_push(RecordRange chain);
  void record_publishing(PackedPosition used);
  void record_published();
  void settle();
  QueueError decide(const std::byte* ring);
  QueueError read_free_list(IdSet& free);
  QueueError read_chains(const IdSet& free);
  QueueError read_chain(uint16_t first, IdSet& taken);
  void insert_resumed(uint16_t first);
  QueueError read_counters();

  std::byte* table_ = nullptr;
  uint16_t size_ = 0;         // also the index that ends a list
  uint16_t free_head_ = 0;    // of the entries that belong to no chain
  uint16_t pushed_head_ = 0;  // of those of pushed chains, the newest first
  uint16_t pushed_last_ = 0;  // the end of that list
  RecordRange open_;
  uint64_t counter_ = 0;
  PackedPosition used_;
  uint16_t resumed_slots_ = 0;

  std::array<uint16_t, kMaxQueueSize> next_;  // the links, which the peer cannot change
  uint16_t next_resumed_ = 0;
  uint16_t end_ = 0;
  std::array<uint16_t, kMaxQueueSize> heads_;  // chains to pop again, up to end_
};

}  // namespace stratos::virtio
