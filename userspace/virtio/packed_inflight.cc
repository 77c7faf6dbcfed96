// SPDX-License-Identifier: Apache-2.0

#include "virtio/packed_inflight.h"

#include <atomic>
#include <cstring>
#include <limits>

#include "virtio/load_once.h"
#include "virtio/shared_word.h"

namespace stratos::virtio {
namespace {

// The region of the vhost-user specification.
constexpr uint16_t kVersion = 1;
constexpr size_t kVersionAt = 8;
constexpr size_t kSizeAt = 10;
constexpr size_t kFreeHeadAt = 12;
constexpr size_t kOldFreeHeadAt = 14;
constexpr size_t kUsedIdxAt = 16;
constexpr size_t kOldUsedIdxAt = 18;
constexpr size_t kUsedWrapAt = 20;
constexpr size_t kOldUsedWrapAt = 21;
constexpr size_t kSettlingAt = 22;  // padding in the specification
constexpr size_t kHeaderSize = 32;

// An entry, one for each descriptor.
constexpr size_t kMarkAt = 0;
constexpr size_t kNextAt = 2;
constexpr size_t kLastAt = 4;
constexpr size_t kCountAt = 6;
constexpr size_t kCounterAt = 8;
constexpr size_t kIdAt = 16;
constexpr size_t kFlagsAt = 18;
constexpr size_t kLengthAt = 20;
constexpr size_t kAddressAt = 24;
constexpr size_t kEntrySize = 32;

// Keeps the stores before it before the stores after it, as a kill can see them.
void order_stores() { std::atomic_signal_fence(std::memory_order_seq_cst); }

void set_byte(std::byte* at, uint8_t value) {
  SharedWord<uint8_t>(at).store(value, std::memory_order_relaxed);
}

void set_word(std::byte* at, uint16_t value) {
  SharedWord<uint16_t>(at).store(value, std::memory_order_relaxed);
}

}  // namespace

std::byte* PackedInflight::entry(uint16_t index) const {
  return table_ + kHeaderSize + size_t{index} * kEntrySize;
}

void PackedInflight::set_mark(uint16_t index, uint8_t mark) const {
  set_byte(entry(index) + kMarkAt, mark);
}

void PackedInflight::link(uint16_t index, uint16_t next) {
  next_[index] = next;
  set_word(entry(index) + kNextAt, next);
}

QueueError PackedInflight::start(InflightTable table, uint16_t size, PackedPosition used) {
  table_ = table.data();
  size_ = size;
  free_head_ = 0;
  pushed_head_ = size;
  counter_ = 0;
  used_ = used;
  next_resumed_ = end_ = size;
  if (table.empty()) return QueueError::kNone;
  if (!table.fits(size, true)) return QueueError::kInflight;

  set_word(table_ + kVersionAt, 0);
  order_stores();
  std::memset(table_, 0, kVersionAt);
  std::memset(table_ + kFreeHeadAt, 0, kHeaderSize - kFreeHeadAt + size * kEntrySize);
  set_word(table_ + kSizeAt, size);
  set_word(table_ + kUsedIdxAt, used.slot);
  set_word(table_ + kOldUsedIdxAt, used.slot);
  set_byte(table_ + kUsedWrapAt, used.wrap ? 1 : 0);
  set_byte(table_ + kOldUsedWrapAt, used.wrap ? 1 : 0);
  for (uint16_t index = 0; index < size; ++index) link(index, static_cast<uint16_t>(index + 1));
  order_stores();
  set_word(table_ + kVersionAt, kVersion);
  order_stores();
  return QueueError::kNone;
}

bool PackedInflight::begun(InflightTable table) {
  return load_once<uint16_t>(table.data() + kVersionAt) != 0;
}

QueueError PackedInflight::resume(InflightTable table, uint16_t size, const std::byte* ring) {
  table_ = table.data();
  size_ = size;
  pushed_head_ = size;
  if (load_once<uint64_t>(table_) != 0 || load_once<uint16_t>(table_ + kVersionAt) != kVersion ||
      load_once<uint16_t>(table_ + kSizeAt) != size) {
    return QueueError::kInflight;
  }
  IdSet free;
  QueueError error = decide(ring);
  if (error == QueueError::kNone) error = read_free_list(free);
  if (error == QueueError::kNone) error = read_chains(free);
  if (error == QueueError::kNone) error = read_counters();
  return error;
}

// Finds out whether the last batch was committed, and sets used_ and free_head_.
QueueError PackedInflight::decide(const std::byte* ring) {
  const auto free_head = load_once<uint16_t>(table_ + kFreeHeadAt);
  const auto old_free_head = load_once<uint16_t>(table_ + kOldFreeHeadAt);
  const auto wrap = load_once<uint8_t>(table_ + kUsedWrapAt);
  const auto old_wrap = load_once<uint8_t>(table_ + kOldUsedWrapAt);
  const auto settling = load_once<uint8_t>(table_ + kSettlingAt);
  const PackedPosition used{load_once<uint16_t>(table_ + kUsedIdxAt), wrap != 0};
  const PackedPosition old_used{load_once<uint16_t>(table_ + kOldUsedIdxAt), old_wrap != 0};
  if (free_head > size_ || old_free_head > size_ || used.slot >= size_ || old_used.slot >= size_ ||
      wrap > 1 || old_wrap > 1 || settling > 1) {
    return QueueError::kInflight;
  }
  bool committed = settling == 1;
  if (!committed && used != old_used) {
    const std::byte* slot = ring + old_used.slot * kDescriptorSize;
    committed = !old_used.is_avail(load_once<uint16_t>(slot + kPackedFlagsOffset));
  }
  used_ = committed ? used : old_used;
  free_head_ = committed ? free_head : old_free_head;
  if (committed) settle();
  return QueueError::kNone;
}

QueueError PackedInflight::read_free_list(IdSet& free) {
  for (uint16_t index = free_head_; index != size_; index = next_[index]) {
    if (index > size_ || !free.insert(index)) return QueueError::kInflight;
    next_[index] = load_once<uint16_t>(entry(index) + kNextAt);
    set_mark(index, 0);
  }
  return QueueError::kNone;
}

QueueError PackedInflight::read_chains(const IdSet& free) {
  IdSet taken = free;
  next_resumed_ = end_ = size_;
  resumed_slots_ = 0;
  for (uint16_t index = 0; index < size_; ++index) {
    if (free.contains(index)) continue;
    const auto mark = load_once<uint8_t>(entry(index) + kMarkAt);
    if (mark > 1) return QueueError::kInflight;
    if (mark == 0) continue;
    const QueueError error = read_chain(index, taken);
    if (error != QueueError::kNone) return error;
    insert_resumed(index);
  }
  // What is neither free nor in a chain would be lost.
  for (uint16_t index = 0; index < size_; ++index) {
    if (!taken.contains(index)) return QueueError::kInflight;
  }
  return QueueError::kNone;
}

QueueError PackedInflight::read_chain(uint16_t first, IdSet& taken) {
  auto count = load_once<uint16_t>(entry(first) + kCountAt);
  const auto last = load_once<uint16_t>(entry(first) + kLastAt);
  if (count == 0) return QueueError::kInflight;
  uint16_t index = first;
  for (;;) {
    if (index >= size_ || !taken.insert(index)) return QueueError::kInflight;
    ++resumed_slots_;
    if (--count == 0) break;
    next_[index] = load_once<uint16_t>(entry(index) + kNextAt);
    index = next_[index];
  }
  next_[index] = size_;
  return index == last ? QueueError::kNone : QueueError::kInflight;
}

// An insertion sort, because the counters stay where the peer may change them: a
// comparison that contradicts another one can spoil the order here, and nothing else.
void PackedInflight::insert_resumed(uint16_t first) {
  const auto counter = load_once<uint64_t>(entry(first) + kCounterAt);
  uint16_t place = --next_resumed_;
  while (place + 1 < end_ && load_once<uint64_t>(entry(heads_[place + 1]) + kCounterAt) < counter) {
    heads_[place] = heads_[place + 1];
    ++place;
  }
  heads_[place] = first;
}

QueueError PackedInflight::read_counters() {
  counter_ = 0;
  for (uint16_t place = next_resumed_; place < end_; ++place) {
    const auto counter = load_once<uint64_t>(entry(heads_[place]) + kCounterAt);
    if (counter < counter_ || counter == std::numeric_limits<uint64_t>::max()) {
      return QueueError::kInflight;
    }
    counter_ = counter + 1;
  }
  return QueueError::kNone;
}

Descriptor PackedInflight::descriptor(uint16_t index) const {
  const std::byte* from = entry(index);
  return {load_once<uint64_t>(from + kAddressAt), load_once<uint32_t>(from + kLengthAt),
          load_once<uint16_t>(from + kFlagsAt), load_once<uint16_t>(from + kIdAt)};
}

void PackedInflight::record_descriptor(const Descriptor& descriptor, bool last) {
  std::byte* to = entry(open_.last);
  store_le<uint64_t>(to + kAddressAt, descriptor.address);
  store_le<uint32_t>(to + kLengthAt, descriptor.size);
  store_le<uint16_t>(to + kFlagsAt, descriptor.flags);
  store_le<uint16_t>(to + kIdAt, descriptor.link);
  if (!last) open_.last = next_[open_.last];
}

void PackedInflight::record_pop(uint16_t slots) {
  std::byte* first = entry(open_.first);
  store_le<uint16_t>(first + kLastAt, open_.last);
  store_le<uint16_t>(first + kCountAt, slots);
  store_le<uint64_t>(first + kCounterAt, counter_++);
  set_mark(open_.first, 1);
  order_stores();
  free_head_ = next_[open_.last];
  set_word(table_ + kOldFreeHeadAt, free_head_);
  order_stores();
}

void PackedInflight::record_unpop(RecordRange chain) {
  link(chain.last, free_head_);
  order_stores();
  free_head_ = chain.first;
  set_word(table_ + kOldFreeHeadAt, free_head_);
  order_stores();
  set_mark(chain.first, 0);
  order_stores();
}

void PackedInflight::record_push(RecordRange chain) {
  if (pushed_head_ == size_) pushed_last_ = chain.last;
  link(chain.last, pushed_head_);
  pushed_head_ = chain.first;
}

void PackedInflight::record_publishing(PackedPosition used) {
  used_ = used;
  link(pushed_last_, free_head_);
  set_word(table_ + kFreeHeadAt, pushed_head_);
  set_word(table_ + kUsedIdxAt, used.slot);
  set_byte(table_ + kUsedWrapAt, used.wrap ? 1 : 0);
  order_stores();
}

void PackedInflight::record_published() {
  order_stores();
  for (uint16_t index = pushed_head_; index != free_head_; index = next_[index]) set_mark(index, 0);
  free_head_ = pushed_head_;
  pushed_head_ = size_;
  settle();
}

// Makes the new state the old one; it may be repeated until settling is 0 again.
void PackedInflight::settle() {
  set_byte(table_ + kSettlingAt, 1);
  order_stores();
  set_word(table_ + kOldFreeHeadAt, free_head_);
  set_word(table_ + kOldUsedIdxAt, used_.slot);
  set_byte(table_ + kOldUsedWrapAt, used_.wrap ? 1 : 0);
  order_stores();
  set_byte(table_ + kSettlingAt, 0);
  order_stores();
}

}  // namespace stratos::virtio
