// SPDX-License-Identifier: Apache-2.0

#include "split_driver_queue.h"

#include <stdexcept>

namespace stratos::test {
namespace {

using virtio::Descriptor;

constexpr uint16_t kNoInterrupt = 1;
constexpr uint16_t kNoNotify = 1;

}  // namespace

SplitDriverQueue::SplitDriverQueue(DriverMemory& memory, const virtio::QueueSetup& features)
    : DriverQueue(features),
      memory_(memory),
      tables_(memory, features.size, features.indirect),
      next_(features.size),
      count_(features.size, 0),
      free_count_(features.size) {
  const size_t size = setup_.size;
  setup_.desc = memory.allocate(size * virtio::kDescriptorSize, 64);
  setup_.driver = memory.allocate(6 + size * 2, 64);
  setup_.device = memory.allocate(6 + size * 8, 64);
  for (uint16_t index = 0; index < setup_.size; ++index) {
    next_[index] = static_cast<uint16_t>(index + 1);
  }
}

void SplitDriverQueue::poke_at(uint64_t address, const Descriptor& descriptor) {
  std::byte* to = memory_.at(address);
  virtio::store_le<uint64_t>(to, descriptor.address);
  virtio::store_le<uint64_t>(
      to + 8, uint64_t{descriptor.link} << 48 | uint64_t{descriptor.flags} << 32 | descriptor.size);
}

void SplitDriverQueue::poke(uint16_t index, const Descriptor& descriptor) {
  poke_at(setup_.desc + index * virtio::kDescriptorSize, descriptor);
}

SplitDriverQueue::Word SplitDriverQueue::avail_entry(uint16_t position) const {
  return word(setup_.driver + 4 + (position % setup_.size) * 2U);
}

void SplitDriverQueue::offer(uint16_t head) {
  avail_entry(avail_added_++).store(head, std::memory_order_relaxed);
}

uint16_t SplitDriverQueue::take_descriptor() {
  const uint16_t index = free_head_;
  free_head_ = next_[index];
  --free_count_;
  return index;
}

std::optional<uint16_t> SplitDriverQueue::add(std::span<const Buffer> readable,
                                              std::span<const Buffer> writable, bool indirect) {
  const size_t total = readable.size() + writable.size();
  const size_t needed = indirect ? 1 : total;
  if (total == 0 || needed > free_count_) return std::nullopt;
  const uint16_t head = free_head_;
  count_[head] = static_cast<uint16_t>(needed);
  ++outstanding_;
  for (size_t i = 0; i < total; ++i) {
    const bool write = i >= readable.size();
    const Buffer& buffer = write ? writable[i - readable.size()] : readable[i];
    const bool last = i + 1 == total;
    const auto flags =
        static_cast<uint16_t>((write ? virtio::kDescWrite : 0) | (last ? 0 : virtio::kDescNext));
    if (indirect) {
      poke_at(tables_.address(head) + i * virtio::kDescriptorSize,
              {buffer.address, buffer.size, flags, static_cast<uint16_t>(last ? 0 : i + 1)});
    } else {
      const uint16_t index = take_descriptor();
      poke(index, {buffer.address, buffer.size, flags, last ? uint16_t{0} : free_head_});
    }
  }
  if (indirect) {
    take_descriptor();
    poke(head, {tables_.address(head), static_cast<uint32_t>(total * virtio::kDescriptorSize),
                virtio::kDescIndirect, 0});
  }
  offer(head);
  return head;
}

void SplitDriverQueue::publish() {
  // seq_cst, for the look of kick_needed() behind it.
  avail_idx().store(avail_added_, std::memory_order_seq_cst);
  avail_published_ = avail_added_;
}

bool SplitDriverQueue::kick_needed() {
  const auto count = static_cast<uint16_t>(avail_published_ - avail_kicked_);
  avail_kicked_ = avail_published_;
  if (count == 0) return false;
  if (!setup_.event_idx) return (used_flags().load(std::memory_order_seq_cst) & kNoNotify) == 0;
  const uint16_t event = avail_event().load(std::memory_order_seq_cst);
  return static_cast<uint16_t>(avail_published_ - event - 1) < count;
}

std::optional<Used> SplitDriverQueue::get_used() {
  if (used_idx().load(std::memory_order_acquire) == last_used_) return std::nullopt;
  const std::byte* entry = memory_.at(setup_.device + 4 + (last_used_ % setup_.size) * 8U);
  const auto id = virtio::load_le<uint32_t>(entry);
  const auto length = virtio::load_le<uint32_t>(entry + 4);
  if (id >= setup_.size || count_[id] == 0) throw std::logic_error("used: a chain that is not out");
  ++last_used_;
  const auto head = static_cast<uint16_t>(id);
  give_back(head);
  return Used{head, length};
}

void SplitDriverQueue::give_back(uint16_t head) {
  uint16_t last = head;
  for (uint16_t left = count_[head]; left > 1; --left) last = next_[last];
  next_[last] = free_head_;
  free_head_ = head;
  free_count_ = static_cast<uint16_t>(free_count_ + count_[head]);
  count_[head] = 0;
  --outstanding_;
}

void SplitDriverQueue::disable_notifications() {
  // With EVENT_IDX an event that is not moved on does the same.
  if (!setup_.event_idx) avail_flags().store(kNoInterrupt, std::memory_order_relaxed);
}

bool SplitDriverQueue::enable_notifications() {
  if (setup_.event_idx) {
    used_event().store(last_used_, std::memory_order_seq_cst);
  } else {
    avail_flags().store(0, std::memory_order_seq_cst);
  }
  return used_idx().load(std::memory_order_seq_cst) != last_used_;
}

}  // namespace stratos::test
