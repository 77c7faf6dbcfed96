// SPDX-License-Identifier: Apache-2.0
// The device side of a packed virtqueue (virtio 1.2, 2.8). See queue.h for the meaning
// of the calls.

#pragma once

#include <cstdint>

#include "virtio/chain.h"
#include "virtio/chain_builder.h"
#include "virtio/id_set.h"
#include "virtio/memory.h"
#include "virtio/packed_inflight.h"
#include "virtio/packed_position.h"
#include "virtio/queue_types.h"
#include "virtio/shared_word.h"

namespace stratos::virtio {

class PackedQueue {
 public:
  QueueError start(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  QueueError resume(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  void stop() { error_ = QueueError::kNotStarted; }
  QueuePosition position() const { return {used_published_.slot, used_published_.wrap}; }
  bool holds_chains() const { return !popped_.empty(); }
  QueueError error() const { return error_; }

  PopResult pop(Chain& chain);
  void unpop(const Chain& chain);
  void push(const Chain& chain, uint32_t written);
  bool publish();
  bool should_notify();
  void disable_notifications();
  bool enable_notifications();
  bool look() const;

 private:
  QueueError locate(const Memory& memory, const QueueSetup& setup);
  void begin_at(PackedPosition used, uint16_t popped_slots);
  void hide_used_flags();
  SharedWord<uint16_t> flags_of(uint16_t slot) const;
  PopResult pop_resumed(Chain& chain);
  QueueError read_ring_chain(uint16_t head_flags, Chain& chain);
  QueueError read_recorded_chain(uint16_t first, Chain& chain);
  QueueError add(const Descriptor& descriptor, bool first, ChainBuilder& builder) const;
  QueueError add_table(const Descriptor& descriptor, ChainBuilder& builder) const;
  QueueError name(uint16_t id, uint16_t slots, Chain& chain);
  PopResult fail(QueueError error);

  Memory memory_;
  std::byte* ring_ = nullptr;
  std::byte* driver_event_ = nullptr;
  std::byte* device_event_ = nullptr;
  uint16_t size_ = 0;
  bool event_idx_ = false;
  bool indirect_ = false;
  QueueError error_ = QueueError::kNotStarted;

  PackedPosition next_avail_;      // the descriptor to pop next
  PackedPosition used_pushed_;     // where the next push() writes
  PackedPosition used_published_;  // where the driver waits for a used element
  uint16_t first_flags_ = 0;       // of the first element of the batch; publish() writes it
  uint16_t pushed_slots_ = 0;      // from used_published_ to used_pushed_
  uint16_t popped_slots_ = 0;      // from used_published_ to next_avail_
  uint32_t unsignalled_ = 0;       // slots published since should_notify() was asked last
  IdSet popped_;                   // buffer ids that are popped and not pushed
  PackedInflight inflight_;
};

}  // namespace stratos::virtio
