// SPDX-License-Identifier: Apache-2.0

#include "virtio/split_inflight.h"

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
constexpr size_t kLastBatchHeadAt = 12;
constexpr size_t kUsedIdxAt = 14;
constexpr size_t kHeaderSize = 16;

// An entry, one for each head.
constexpr size_t kMarkAt = 0;
constexpr size_t kNextAt = 6;
constexpr size_t kCounterAt = 8;
constexpr size_t kEntrySize = 16;

// Keeps the stores before it before the stores after it, as a kill can see them.
void order_stores() { std::atomic_signal_fence(std::memory_order_seq_cst); }

void set_word(std::byte* at, uint16_t value) {
  SharedWord<uint16_t>(at).store(value, std::memory_order_relaxed);
}

}  // namespace

std::byte* SplitInflight::entry(uint16_t head) const {
  return table_ + kHeaderSize + size_t{head} * kEntrySize;
}

void SplitInflight::set_mark(uint16_t head, uint8_t mark) const {
  SharedWord<uint8_t>(entry(head) + kMarkAt).store(mark, std::memory_order_relaxed);
}

QueueError SplitInflight::start(InflightTable table, uint16_t size, uint16_t used_idx) {
  table_ = table.data();
  size_ = size;
  last_batch_head_ = 0;
  counter_ = 0;
  pushed_ = 0;
  next_resumed_ = end_ = size;
  if (table.empty()) return QueueError::kNone;
  if (!table.fits(size, false)) return QueueError::kInflight;

  set_word(table_ + kVersionAt, 0);
  order_stores();
  std::memset(table_, 0, kVersionAt);
  std::memset(table_ + kLastBatchHeadAt, 0, kHeaderSize - kLastBatchHeadAt + size * kEntrySize);
  set_word(table_ + kSizeAt, size);
  set_word(table_ + kUsedIdxAt, used_idx);
  order_stores();
  set_word(table_ + kVersionAt, kVersion);
  order_stores();
  return QueueError::kNone;
}

bool SplitInflight::begun(InflightTable table) {
  return load_once<uint16_t>(table.data() + kVersionAt) != 0;
}

QueueError SplitInflight::resume(InflightTable table, uint16_t size, uint16_t used_idx) {
  if (table.empty() || !table.fits(size, false)) return QueueError::kInflight;
  table_ = table.data();
  size_ = size;
  pushed_ = 0;
  if (load_once<uint64_t>(table_) != 0 || load_once<uint16_t>(table_ + kVersionAt) != kVersion ||
      load_once<uint16_t>(table_ + kSizeAt) != size) {
    return QueueError::kInflight;
  }
  last_batch_head_ = load_once<uint16_t>(table_ + kLastBatchHeadAt);
  const auto batch = static_cast<uint16_t>(used_idx - load_once<uint16_t>(table_ + kUsedIdxAt));

  IdSet marked;
  const QueueError error = read_marks(last_batch_head_, batch, marked);
  if (error != QueueError::kNone) return error;
  order_stores();
  set_word(table_ + kUsedIdxAt, used_idx);
  order_stores();
  return sort_resumed(marked);
}

// Collects the marks, and takes away those of the last batch, which was committed.
QueueError SplitInflight::read_marks(uint16_t last_batch_head, uint16_t batch,
                                     IdSet& marked) const {
  for (uint16_t head = 0; head < size_; ++head) {
    const auto mark = load_once<uint8_t>(entry(head) + kMarkAt);
    if (mark > 1) return QueueError::kInflight;
    if (mark == 1) marked.insert(head);
  }
  if (batch > size_) return QueueError::kInflight;
  IdSet committed;
  uint16_t head = last_batch_head;
  for (; batch != 0; --batch) {
    if (head >= size_ || !committed.insert(head)) return QueueError::kInflight;
    marked.erase(head);
    set_mark(head, 0);
    head = load_once<uint16_t>(entry(head) + kNextAt);
  }
  return QueueError::kNone;
}

// An insertion sort, because the counters stay where the peer may change them: a
// comparison that contradicts another one can spoil the order here, and nothing else.
QueueError SplitInflight::sort_resumed(const IdSet& marked) {
  next_resumed_ = end_ = size_;
  for (uint16_t head = 0; head < size_; ++head) {
    if (!marked.contains(head)) continue;
    const auto counter = load_once<uint64_t>(entry(head) + kCounterAt);
    uint16_t place = --next_resumed_;
    while (place + 1 < end_ &&
           load_once<uint64_t>(entry(heads_[place + 1]) + kCounterAt) < counter) {
      heads_[place] = heads_[place + 1];
      ++place;
    }
    heads_[place] = head;
  }
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

void SplitInflight::record_pop(uint16_t head) {
  store_le<uint64_t>(entry(head) + kCounterAt, counter_++);
  order_stores();
  set_mark(head, 1);
  order_stores();
}

void SplitInflight::record_push(uint16_t head) {
  heads_[pushed_++] = head;
  set_word(entry(head) + kNextAt, last_batch_head_);
  order_stores();
  last_batch_head_ = head;
  set_word(table_ + kLastBatchHeadAt, head);
  order_stores();
}

void SplitInflight::record_publish(uint16_t used_idx) {
  order_stores();
  for (; pushed_ != 0; --pushed_) set_mark(heads_[pushed_ - 1], 0);
  order_stores();
  set_word(table_ + kUsedIdxAt, used_idx);
  order_stores();
}

}  // namespace stratos::virtio
