// SPDX-License-Identifier: Apache-2.0
// Which chains of a split queue are in flight, recorded for a successor. Why it is
// safe to be killed at any time is said in inflight.h.

#pragma once

#include <array>
#include <cstdint>

#include "virtio/id_set.h"
#include "virtio/inflight.h"
#include "virtio/queue_types.h"

namespace stratos::virtio {

class SplitInflight {
 public:
  // Begins an empty record for a queue of `size` entries whose ring shows `used_idx`; with
  // an empty table, none.
  QueueError start(InflightTable table, uint16_t size, uint16_t used_idx);
  // Whether start() has ever completed on this table.
  static bool begun(InflightTable table);
  // Takes over the record of a predecessor. `used_idx` is the one in the used ring.
  QueueError resume(InflightTable table, uint16_t size, uint16_t used_idx);

  // How many recorded chains were not popped again yet.
  uint16_t resumable() const { return static_cast<uint16_t>(end_ - next_resumed_); }
  // The oldest of them. Only if resumable().
  uint16_t take() { return heads_[next_resumed_++]; }
  void put_back(uint16_t head) { heads_[--next_resumed_] = head; }

  void popped(uint16_t head) {
    if (recording()) record_pop(head);
  }
  void unpopped(uint16_t head) {
    if (recording()) set_mark(head, 0);
  }
  void pushed(uint16_t head) {
    if (recording()) record_push(head);
  }
  // The used ring shows `used_idx` to the driver now.
  void published(uint16_t used_idx) {
    if (recording()) record_publish(used_idx);
  }

 private:
  bool recording() const { return table_ != nullptr; }
  std::byte* entry(uint16_t head) const;
  void set_mark(uint16_t head, uint8_t mark) const;
  void record_pop(uint16_t head);
  void record_push(uint16_t head);
  void record_publish(uint16_t used_idx);
  QueueError read_marks(uint16_t last_batch_head, uint16_t batch, IdSet& marked) const;
  QueueError sort_resumed(const IdSet& marked);

  std::byte* table_ = nullptr;
  uint16_t size_ = 0;
  uint16_t last_batch_head_ = 0;
  uint64_t counter_ = 0;

  // Two lists share this array: pushed heads from the beginning, and up to end_ those
  // to pop again. They cannot meet: together they are at most size_ heads in flight.
  uint16_t pushed_ = 0;
  uint16_t next_resumed_ = 0;
  uint16_t end_ = 0;
  std::array<uint16_t, kMaxQueueSize> heads_;
};

}  // namespace stratos::virtio
