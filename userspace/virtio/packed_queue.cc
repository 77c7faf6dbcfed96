// SPDX-License-Identifier: Apache-2.0

#include "virtio/packed_queue.h"

#include <algorithm>

#include "virtio/queue_area.h"

namespace stratos::virtio {
namespace {

constexpr uint16_t kRingFlags = kDescAvail | kDescUsed;
constexpr uint16_t kKnownFlags = kDescNext | kDescWrite | kDescIndirect | kRingFlags;

// The event suppression structures (virtio 1.2, 2.8.14).
constexpr uint32_t kEventSize = 4;
constexpr uint32_t kEventOffsetAt = 0;
constexpr uint32_t kEventFlagsAt = 2;
constexpr uint16_t kEventEnable = 0;
constexpr uint16_t kEventDisable = 1;
constexpr uint16_t kEventAtOffset = 2;
constexpr uint16_t kEventMask = 3;
constexpr uint16_t kEventWrap = 1 << 15;

// At least a lap, so that the next should_notify() says yes.
constexpr uint32_t kNotifyAnyway = 0x10000;

using Word = SharedWord<uint16_t>;

}  // namespace

QueueError PackedQueue::locate(const Memory& memory, const QueueSetup& setup) {
  if (setup.size == 0 || setup.size > kMaxQueueSize) return QueueError::kSize;
  memory_ = memory;
  size_ = setup.size;
  event_idx_ = setup.event_idx;
  indirect_ = setup.indirect;
  QueueError error = find_area(memory, setup.desc, setup.size * kDescriptorSize, 16, ring_);
  if (error == QueueError::kNone) {
    error = find_area(memory, setup.driver, kEventSize, 4, driver_event_);
  }
  if (error == QueueError::kNone) {
    error = find_area(memory, setup.device, kEventSize, 4, device_event_);
  }
  return error;
}

void PackedQueue::begin_at(PackedPosition used, uint16_t popped_slots) {
  used_pushed_ = used_published_ = next_avail_ = used;
  next_avail_.advance(popped_slots, size_);
  pushed_slots_ = 0;
  popped_slots_ = popped_slots;
  popped_.clear();
}

QueueError PackedQueue::start(const Memory& memory, const QueueSetup& setup,
                              InflightTable inflight) {
  error_ = locate(memory, setup);
  if (error_ == QueueError::kNone && setup.begin.next >= setup.size) {
    error_ = QueueError::kAvailIndex;
  }
  if (error_ != QueueError::kNone) return error_;
  begin_at({setup.begin.next, setup.begin.wrap}, 0);
  // A predecessor may have gone between publishing and notifying.
  unsignalled_ = setup.begin != QueuePosition() ? kNotifyAnyway : 0;
  return error_ = inflight_.start(inflight, setup.size, used_published_);
}

QueueError PackedQueue::resume(const Memory& memory, const QueueSetup& setup,
                               InflightTable inflight) {
  error_ = locate(memory, setup);
  if (error_ != QueueError::kNone) return error_;
  if (!inflight.fits(size_, true)) return error_ = QueueError::kInflight;
  if (!PackedInflight::begun(inflight)) return start(memory, setup, inflight);

  error_ = inflight_.resume(inflight, size_, ring_);
  if (error_ != QueueError::kNone) return error_;
  begin_at(inflight_.used(), inflight_.resumed_slots());
  hide_used_flags();
  // The predecessor may have died between publishing and notifying.
  unsignalled_ = kNotifyAnyway;
  return QueueError::kNone;
}

// Makes the slots of chains in flight look available again: a batch that was rolled
// back left used elements behind its first slot. The driver looks at none of them
// before the first one is used.
void PackedQueue::hide_used_flags() {
  PackedPosition position = used_published_;
  for (uint16_t left = popped_slots_; left != 0; --left) {
    const Word flags = flags_of(position.slot);
    const uint16_t value = flags.load(std::memory_order_relaxed);
    if ((value & kRingFlags) == position.used_flags()) {
      flags.store(static_cast<uint16_t>((value & ~kRingFlags) | position.avail_flags()),
                  std::memory_order_relaxed);
    }
    position.advance(1, size_);
  }
}

SharedWord<uint16_t> PackedQueue::flags_of(uint16_t slot) const {
  return Word(ring_ + slot * kDescriptorSize + kPackedFlagsOffset);
}

PopResult PackedQueue::fail(QueueError error) {
  error_ = error;
  return PopResult::kBroken;
}

PopResult PackedQueue::pop(Chain& chain) {
  if (error_ != QueueError::kNone) return PopResult::kBroken;
  if (inflight_.resumable() != 0) return pop_resumed(chain);
  // Pairs with the driver's barrier before it writes the flags of a head: the whole
  // chain is complete.
  const uint16_t flags = flags_of(next_avail_.slot).load(std::memory_order_acquire);
  if (!next_avail_.is_avail(flags)) return PopResult::kEmpty;
  if (popped_slots_ == size_) return fail(QueueError::kAvailIndex);
  inflight_.begin_chain();
  const QueueError error = read_ring_chain(flags, chain);
  if (error != QueueError::kNone) return fail(error);
  const uint16_t slots = chain.header_.slots;
  next_avail_.advance(slots, size_);
  popped_slots_ = static_cast<uint16_t>(popped_slots_ + slots);
  const RecordRange record = inflight_.popped(slots);
  chain.header_.first_record = record.first;
  chain.header_.last_record = record.last;
  return PopResult::kChain;
}

PopResult PackedQueue::pop_resumed(Chain& chain) {
  const QueueError error = read_recorded_chain(inflight_.take(), chain);
  if (error != QueueError::kNone) return fail(error);
  chain.header_.resumed = true;
  return PopResult::kChain;
}

QueueError PackedQueue::read_ring_chain(uint16_t head_flags, Chain& chain) {
  ChainBuilder builder(memory_, chain);
  PackedPosition position = next_avail_;
  const auto room = static_cast<uint16_t>(size_ - popped_slots_);
  for (uint16_t slots = 1; slots <= room; ++slots) {
    Descriptor descriptor = load_packed_descriptor(ring_ + position.slot * kDescriptorSize);
    if (slots == 1) descriptor.flags = head_flags;  // those that said available
    const bool last = (descriptor.flags & kDescNext) == 0;
    inflight_.add(descriptor, last);
    const QueueError error = add(descriptor, slots == 1, builder);
    if (error != QueueError::kNone) return error;
    if (last) return name(descriptor.link, slots, chain);
    position.advance(1, size_);
  }
  return QueueError::kChainTooLong;
}

QueueError PackedQueue::read_recorded_chain(uint16_t first, Chain& chain) {
  ChainBuilder builder(memory_, chain);
  uint16_t entry = first;
  for (uint16_t slots = 1;; ++slots) {
    const Descriptor descriptor = inflight_.descriptor(entry);
    const QueueError error = add(descriptor, slots == 1, builder);
    if (error != QueueError::kNone) return error;
    const uint16_t next = inflight_.next(entry);
    const bool last = next == size_;
    if (last != ((descriptor.flags & kDescNext) == 0)) return QueueError::kInflight;
    if (last) {
      chain.header_.first_record = first;
      chain.header_.last_record = entry;
      return name(descriptor.link, slots, chain);
    }
    entry = next;
  }
}

QueueError PackedQueue::add(const Descriptor& descriptor, bool first, ChainBuilder& builder) const {
  if ((descriptor.flags & ~kKnownFlags) != 0) return QueueError::kFlags;
  if ((descriptor.flags & kDescIndirect) == 0) return builder.add(descriptor);
  if (!indirect_) return QueueError::kIndirectNotNegotiated;
  // A chain is direct or one indirect descriptor, never a mixture (2.8.7).
  if (!first || (descriptor.flags & kDescNext) != 0) return QueueError::kIndirectWithNext;
  return add_table(descriptor, builder);
}

QueueError PackedQueue::add_table(const Descriptor& descriptor, ChainBuilder& builder) const {
  const std::byte* table = nullptr;
  uint16_t entries = 0;
  const QueueError table_error = builder.open_table(descriptor, table, entries);
  if (table_error != QueueError::kNone) return table_error;
  for (uint16_t index = 0; index < entries; ++index) {
    // All flags but WRITE, and the id, are reserved here and to be ignored (2.8.7).
    const QueueError error = builder.add(load_packed_descriptor(table + index * kDescriptorSize));
    if (error != QueueError::kNone) return error;
  }
  return QueueError::kNone;
}

QueueError PackedQueue::name(uint16_t id, uint16_t slots, Chain& chain) {
  if (id >= size_) return QueueError::kHead;
  if (!popped_.insert(id)) return QueueError::kDoubleUse;
  chain.header_.id = id;
  chain.header_.slots = slots;
  return QueueError::kNone;
}

void PackedQueue::unpop(const Chain& chain) {
  if (error_ != QueueError::kNone || !popped_.erase(chain.id())) return;
  const Chain::Header& header = chain.header_;
  if (header.resumed) {
    inflight_.put_back(header.first_record);
    return;
  }
  next_avail_.retreat(header.slots, size_);
  popped_slots_ = static_cast<uint16_t>(popped_slots_ - header.slots);
  inflight_.unpopped({header.first_record, header.last_record});
}

void PackedQueue::push(const Chain& chain, uint32_t written) {
  if (error_ != QueueError::kNone || !popped_.erase(chain.id())) return;
  const Chain::Header& header = chain.header_;
  const uint32_t length = std::min(written, header.writable_size);
  const auto flags =
      static_cast<uint16_t>(used_pushed_.used_flags() | (length != 0 ? kDescWrite : 0));
  std::byte* slot = ring_ + used_pushed_.slot * kDescriptorSize;
  store_le<uint32_t>(slot + kPackedSizeOffset, length);
  store_le<uint16_t>(slot + kPackedIdOffset, header.id);
  if (pushed_slots_ == 0) {
    first_flags_ = flags;
  } else {
    // Behind the first element of the batch, where the driver does not look yet.
    flags_of(used_pushed_.slot).store(flags, std::memory_order_release);
  }
  used_pushed_.advance(header.slots, size_);
  pushed_slots_ = static_cast<uint16_t>(pushed_slots_ + header.slots);
  inflight_.pushed({header.first_record, header.last_record});
}

bool PackedQueue::publish() {
  if (error_ != QueueError::kNone || pushed_slots_ == 0) return false;
  inflight_.publishing(used_pushed_);
  // Release: pairs with the driver's barrier after reading the flags, so that it sees
  // the whole batch and the buffers. seq_cst: see should_notify().
  flags_of(used_published_.slot).store(first_flags_, std::memory_order_seq_cst);
  inflight_.published();
  unsignalled_ = std::min(unsignalled_ + pushed_slots_, kNotifyAnyway);
  popped_slots_ = static_cast<uint16_t>(popped_slots_ - pushed_slots_);
  pushed_slots_ = 0;
  used_published_ = used_pushed_;
  return true;
}

bool PackedQueue::should_notify() {
  if (error_ != QueueError::kNone || unsignalled_ == 0) return false;
  const uint32_t slots = unsignalled_;
  unsignalled_ = 0;
  if (slots >= kNotifyAnyway) return true;
  // This load must not pass the store of the used flags: both are seq_cst. Pairs with
  // the full barrier of a driver between asking for an interrupt and looking again.
  const uint16_t flags =
      Word(driver_event_ + kEventFlagsAt).load(std::memory_order_seq_cst) & kEventMask;
  if (flags == kEventDisable) return false;
  if (flags != kEventAtOffset || !event_idx_ || slots >= size_) return true;
  // Behind the flags: the driver writes the offset before them.
  const uint16_t event = Word(driver_event_ + kEventOffsetAt).load(std::memory_order_acquire);
  int32_t offset = event & ~kEventWrap;
  if (((event & kEventWrap) != 0) != used_published_.wrap) offset -= size_;
  return static_cast<uint16_t>(used_published_.slot - offset - 1) < slots;
}

void PackedQueue::disable_notifications() {
  if (error_ != QueueError::kNone) return;
  Word(device_event_ + kEventFlagsAt).store(kEventDisable, std::memory_order_relaxed);
}

// No barrier: pop() looks again, and enable_notifications() before anybody sleeps.
bool PackedQueue::look() const {
  if (error_ != QueueError::kNone) return false;
  return inflight_.resumable() != 0 ||
         next_avail_.is_avail(flags_of(next_avail_.slot).load(std::memory_order_relaxed));
}

bool PackedQueue::enable_notifications() {
  if (error_ != QueueError::kNone) return false;
  uint16_t flags = kEventEnable;
  if (event_idx_) {
    const auto wrap = static_cast<uint16_t>(next_avail_.wrap ? kEventWrap : 0);
    Word(device_event_ + kEventOffsetAt)
        .store(static_cast<uint16_t>(next_avail_.slot | wrap), std::memory_order_relaxed);
    flags = kEventAtOffset;
  }
  // Store, then look: both seq_cst. Pairs with the full barrier of the driver between
  // its store of descriptor flags and its look at these.
  Word(device_event_ + kEventFlagsAt).store(flags, std::memory_order_seq_cst);
  const uint16_t head = flags_of(next_avail_.slot).load(std::memory_order_seq_cst);
  return inflight_.resumable() != 0 || next_avail_.is_avail(head);
}

}  // namespace stratos::virtio
