// SPDX-License-Identifier: Apache-2.0

#include "virtio/split_queue.h"

#include <algorithm>

#include "virtio/queue_area.h"

namespace stratos::virtio {
namespace {

constexpr uint16_t kKnownFlags = kDescNext | kDescWrite | kDescIndirect;
constexpr uint16_t kAvailNoInterrupt = 1;
constexpr uint16_t kUsedNoNotify = 1;

// Both rings: flags, idx, entries, event idx.
constexpr size_t kFlagsAt = 0;
constexpr size_t kIdxAt = 2;
constexpr size_t kRingAt = 4;
constexpr size_t kAvailEntrySize = 2;
constexpr size_t kUsedEntrySize = 8;
constexpr size_t kEventSize = 2;

// More than an index can count, so that the next should_notify() says yes.
constexpr uint32_t kNotifyAnyway = 0x10000;

using Word = SharedWord<uint16_t>;

}  // namespace

QueueError SplitQueue::locate(const Memory& memory, const QueueSetup& setup) {
  if (setup.size == 0 || setup.size > kMaxQueueSize || (setup.size & (setup.size - 1)) != 0) {
    return QueueError::kSize;
  }
  memory_ = memory;
  size_ = setup.size;
  event_idx_ = setup.event_idx;
  indirect_ = setup.indirect;
  const size_t size = setup.size;
  QueueError error = find_area(memory, setup.desc, size * kDescriptorSize, 16, desc_);
  if (error == QueueError::kNone) {
    error =
        find_area(memory, setup.driver, kRingAt + size * kAvailEntrySize + kEventSize, 2, avail_);
  }
  if (error == QueueError::kNone) {
    error = find_area(memory, setup.device, kRingAt + size * kUsedEntrySize + kEventSize, 4, used_);
  }
  return error;
}

void SplitQueue::begin_at(uint16_t used_idx, uint16_t next_avail) {
  used_pushed_ = used_published_ = used_idx;
  next_avail_ = avail_seen_ = next_avail;
  popped_.clear();
}

// Begins behind what the ring says is used: a driver zeroes a fresh ring. Somebody who
// expected another place looked earlier, or counted chains that were lost on the way.
QueueError SplitQueue::begin(uint16_t expected) {
  const uint16_t used_idx = Word(used_ + kIdxAt).load(std::memory_order_acquire);
  const auto ahead = static_cast<uint16_t>(expected - used_idx);
  const auto behind = static_cast<uint16_t>(used_idx - expected);
  if (std::min(ahead, behind) > size_) return QueueError::kAvailIndex;
  begin_at(used_idx, used_idx);
  // A predecessor may have gone between publishing and notifying.
  unsignalled_ = used_idx != 0 ? kNotifyAnyway : 0;
  return QueueError::kNone;
}

QueueError SplitQueue::start(const Memory& memory, const QueueSetup& setup,
                             InflightTable inflight) {
  error_ = locate(memory, setup);
  if (error_ == QueueError::kNone) error_ = begin(setup.begin.next);
  if (error_ == QueueError::kNone) {
    error_ = inflight_.start(inflight, setup.size, used_published_);
  }
  return error_;
}

QueueError SplitQueue::resume(const Memory& memory, const QueueSetup& setup,
                              InflightTable inflight) {
  error_ = locate(memory, setup);
  if (error_ != QueueError::kNone) return error_;
  if (!inflight.fits(size_, false)) return error_ = QueueError::kInflight;
  if (!SplitInflight::begun(inflight)) return start(memory, setup, inflight);

  // The device's own word, but the driver may be able to write it.
  const uint16_t used_idx = Word(used_ + kIdxAt).load(std::memory_order_acquire);
  error_ = inflight_.resume(inflight, size_, used_idx);
  if (error_ != QueueError::kNone) return error_;
  // Everything before next_avail was popped; of that, what is not used is in the record.
  begin_at(used_idx, static_cast<uint16_t>(used_idx + inflight_.resumable()));
  const uint16_t avail_idx = Word(avail_ + kIdxAt).load(std::memory_order_acquire);
  const auto outstanding = static_cast<uint16_t>(avail_idx - used_idx);
  if (outstanding > size_ || outstanding < inflight_.resumable()) {
    return error_ = QueueError::kInflight;
  }
  // The predecessor may have died between publishing and notifying.
  unsignalled_ = kNotifyAnyway;
  return QueueError::kNone;
}

PopResult SplitQueue::fail(QueueError error) {
  error_ = error;
  return PopResult::kBroken;
}

// Reads the avail idx; false if there is nothing new or the queue broke.
bool SplitQueue::look_for_avail() {
  // Pairs with the driver's barrier between the ring entry and the idx: entries and
  // descriptors up to here are complete. seq_cst for enable_notifications().
  avail_seen_ = Word(avail_ + kIdxAt).load(std::memory_order_seq_cst);
  // What is available or in flight has a head each, and there are only so many.
  if (static_cast<uint16_t>(avail_seen_ - used_published_) > size_ ||
      static_cast<uint16_t>(avail_seen_ - next_avail_) > size_) {
    error_ = QueueError::kAvailIndex;
    return false;
  }
  return avail_seen_ != next_avail_;
}

PopResult SplitQueue::pop(Chain& chain) {
  if (error_ != QueueError::kNone) return PopResult::kBroken;
  const bool resumed = inflight_.resumable() != 0;
  uint16_t head = 0;
  if (resumed) {
    head = inflight_.take();
  } else {
    if (next_avail_ == avail_seen_ && !look_for_avail()) {
      return error_ == QueueError::kNone ? PopResult::kEmpty : PopResult::kBroken;
    }
    const uint32_t place = next_avail_ & (size_ - 1U);
    head = Word(avail_ + kRingAt + place * kAvailEntrySize).load(std::memory_order_relaxed);
    if (head >= size_) return fail(QueueError::kHead);
  }
  if (!popped_.insert(head)) return fail(QueueError::kDoubleUse);
  const QueueError error = read_chain(head, chain);
  if (error != QueueError::kNone) return fail(error);
  chain.header_.id = head;
  chain.header_.resumed = resumed;
  if (!resumed) {
    ++next_avail_;
    inflight_.popped(head);
  }
  return PopResult::kChain;
}

QueueError SplitQueue::read_chain(uint16_t head, Chain& chain) const {
  ChainBuilder builder(memory_, chain);
  uint16_t index = head;
  // A direct chain longer than the table is a loop; the builder bounds it as well.
  for (uint16_t left = size_; left != 0; --left) {
    const Descriptor descriptor = load_split_descriptor(desc_ + index * kDescriptorSize);
    if ((descriptor.flags & ~kKnownFlags) != 0) return QueueError::kFlags;
    if ((descriptor.flags & kDescIndirect) != 0) return read_table(descriptor, builder);
    const QueueError error = builder.add(descriptor);
    if (error != QueueError::kNone) return error;
    if ((descriptor.flags & kDescNext) == 0) return QueueError::kNone;
    if (descriptor.link >= size_) return QueueError::kNext;
    index = descriptor.link;
  }
  return QueueError::kChainTooLong;
}

QueueError SplitQueue::read_table(const Descriptor& descriptor, ChainBuilder& builder) const {
  if (!indirect_) return QueueError::kIndirectNotNegotiated;
  if ((descriptor.flags & kDescNext) != 0) return QueueError::kIndirectWithNext;
  const std::byte* table = nullptr;
  uint16_t entries = 0;
  const QueueError table_error = builder.open_table(descriptor, table, entries);
  if (table_error != QueueError::kNone) return table_error;
  uint16_t index = 0;
  for (uint16_t left = entries; left != 0; --left) {
    const Descriptor entry = load_split_descriptor(table + index * kDescriptorSize);
    if ((entry.flags & kDescIndirect) != 0) return QueueError::kIndirectNested;
    if ((entry.flags & ~kKnownFlags) != 0) return QueueError::kFlags;
    const QueueError error = builder.add(entry);
    if (error != QueueError::kNone) return error;
    if ((entry.flags & kDescNext) == 0) return QueueError::kNone;
    if (entry.link >= entries) return QueueError::kNext;
    index = entry.link;
  }
  return QueueError::kChainTooLong;
}

void SplitQueue::unpop(const Chain& chain) {
  if (error_ != QueueError::kNone || !popped_.erase(chain.id())) return;
  if (chain.header_.resumed) {
    inflight_.put_back(chain.id());
  } else {
    --next_avail_;
    inflight_.unpopped(chain.id());
  }
}

void SplitQueue::push(const Chain& chain, uint32_t written) {
  if (error_ != QueueError::kNone || !popped_.erase(chain.id())) return;
  const uint32_t length = std::min(written, chain.header_.writable_size);
  const uint32_t place = used_pushed_ & (size_ - 1U);
  store_le<uint64_t>(used_ + kRingAt + place * kUsedEntrySize, uint64_t{length} << 32 | chain.id());
  ++used_pushed_;
  inflight_.pushed(chain.id());
}

bool SplitQueue::publish() {
  if (error_ != QueueError::kNone || used_pushed_ == used_published_) return false;
  // Release: pairs with the driver's barrier after reading the idx, so that it sees
  // the used entries and the buffers. seq_cst: see should_notify().
  Word(used_ + kIdxAt).store(used_pushed_, std::memory_order_seq_cst);
  unsignalled_ =
      std::min(unsignalled_ + static_cast<uint16_t>(used_pushed_ - used_published_), kNotifyAnyway);
  used_published_ = used_pushed_;
  inflight_.published(used_pushed_);
  return true;
}

bool SplitQueue::should_notify() {
  if (error_ != QueueError::kNone || unsignalled_ == 0) return false;
  const uint32_t count = unsignalled_;
  unsignalled_ = 0;
  if (count >= kNotifyAnyway) return true;
  // This load must not pass the store of the used idx: both are seq_cst. Pairs with
  // the full barrier of a driver between asking for an interrupt and looking again.
  if (!event_idx_) {
    const uint16_t flags = Word(avail_ + kFlagsAt).load(std::memory_order_seq_cst);
    return (flags & kAvailNoInterrupt) == 0;
  }
  const uint16_t event =
      Word(avail_ + kRingAt + size_ * kAvailEntrySize).load(std::memory_order_seq_cst);
  return static_cast<uint16_t>(used_published_ - event - 1) < count;
}

void SplitQueue::disable_notifications() {
  if (error_ != QueueError::kNone) return;
  // No barrier: a driver that sees this late kicks in vain. With EVENT_IDX the flags have
  // to stay 0, and an avail event in the past does the same.
  if (event_idx_) {
    Word(used_ + kRingAt + size_ * kUsedEntrySize)
        .store(static_cast<uint16_t>(next_avail_ - 1), std::memory_order_relaxed);
  } else {
    Word(used_ + kFlagsAt).store(kUsedNoNotify, std::memory_order_relaxed);
  }
}

// No barrier: pop() looks again, and enable_notifications() before anybody sleeps.
bool SplitQueue::look() const {
  if (error_ != QueueError::kNone) return false;
  return inflight_.resumable() != 0 ||
         Word(avail_ + kIdxAt).load(std::memory_order_relaxed) != next_avail_;
}

bool SplitQueue::enable_notifications() {
  if (error_ != QueueError::kNone) return false;
  // Store, then look: both seq_cst. Pairs with the full barrier of the driver between
  // its store of the avail idx and its look at the event or flags.
  if (event_idx_) {
    Word(used_ + kRingAt + size_ * kUsedEntrySize).store(next_avail_, std::memory_order_seq_cst);
  } else {
    Word(used_ + kFlagsAt).store(0, std::memory_order_seq_cst);
  }
  // A jump of the index breaks the queue; the caller finds out by its pop().
  return inflight_.resumable() != 0 || look_for_avail() || error_ != QueueError::kNone;
}

}  // namespace stratos::virtio
