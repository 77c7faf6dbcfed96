// SPDX-License-Identifier: Apache-2.0

#include "packed_driver_queue.h"

#include <stdexcept>

namespace stratos::test {
namespace {

using virtio::Descriptor;

constexpr uint16_t kRingFlags = virtio::kDescAvail | virtio::kDescUsed;
constexpr uint16_t kEventEnable = 0;
constexpr uint16_t kEventDisable = 1;
constexpr uint16_t kEventAtOffset = 2;
constexpr uint16_t kEventWrap = 1 << 15;

}  // namespace

PackedDriverQueue::PackedDriverQueue(DriverMemory& memory, const virtio::QueueSetup& features)
    : DriverQueue(features),
      memory_(memory),
      tables_(memory, features.size, features.indirect),
      slots_(features.size, 0),
      free_slots_(features.size) {
  setup_.desc = memory.allocate(size_t{setup_.size} * virtio::kDescriptorSize, 64);
  setup_.driver = memory.allocate(4, 64);
  setup_.device = memory.allocate(4, 64);
  for (uint16_t id = setup_.size; id > 0; --id) free_ids_.push_back(static_cast<uint16_t>(id - 1));
}

void PackedDriverQueue::poke_at(uint64_t address, const Descriptor& descriptor) {
  std::byte* to = memory_.at(address);
  virtio::store_le<uint64_t>(to, descriptor.address);
  virtio::store_le<uint32_t>(to + virtio::kPackedSizeOffset, descriptor.size);
  virtio::store_le<uint16_t>(to + virtio::kPackedIdOffset, descriptor.link);
  Word(to + virtio::kPackedFlagsOffset).store(descriptor.flags, std::memory_order_release);
}

void PackedDriverQueue::poke(uint16_t slot, const Descriptor& descriptor) {
  poke_at(setup_.desc + slot * virtio::kDescriptorSize, descriptor);
}

PackedDriverQueue::Word PackedDriverQueue::flags(uint16_t slot) const {
  return word(setup_.desc + slot * virtio::kDescriptorSize + virtio::kPackedFlagsOffset);
}

// The head of a batch keeps its old ring flags until publish().
void PackedDriverQueue::put(Descriptor descriptor, bool head) {
  descriptor.flags = static_cast<uint16_t>(descriptor.flags | next_.avail_flags());
  if (head && unpublished_ == 0) {
    published_ = next_;
    first_flags_ = descriptor.flags;
    const uint16_t old = flags(next_.slot).load(std::memory_order_relaxed) & kRingFlags;
    descriptor.flags = static_cast<uint16_t>((descriptor.flags & ~kRingFlags) | old);
  }
  poke(next_.slot, descriptor);
  next_.advance(1, setup_.size);
}

std::optional<uint16_t> PackedDriverQueue::add(std::span<const Buffer> readable,
                                               std::span<const Buffer> writable, bool indirect) {
  const size_t total = readable.size() + writable.size();
  const size_t needed = indirect ? 1 : total;
  if (total == 0 || needed > free_slots_) return std::nullopt;
  const uint16_t id = free_ids_.back();
  free_ids_.pop_back();
  for (size_t i = 0; i < total; ++i) {
    const bool write = i >= readable.size();
    const Buffer& buffer = write ? writable[i - readable.size()] : readable[i];
    const uint16_t kind = write ? virtio::kDescWrite : 0;
    if (indirect) {
      poke_at(tables_.address(id) + i * virtio::kDescriptorSize,
              {buffer.address, buffer.size, kind, 0});
    } else {
      const uint16_t next = i + 1 == total ? 0 : virtio::kDescNext;
      put({buffer.address, buffer.size, static_cast<uint16_t>(kind | next), id}, i == 0);
    }
  }
  if (indirect) {
    put({tables_.address(id), static_cast<uint32_t>(total * virtio::kDescriptorSize),
         virtio::kDescIndirect, id},
        true);
  }
  slots_[id] = static_cast<uint16_t>(needed);
  free_slots_ = static_cast<uint16_t>(free_slots_ - needed);
  unpublished_ = static_cast<uint16_t>(unpublished_ + needed);
  ++outstanding_;
  return id;
}

void PackedDriverQueue::publish() {
  if (unpublished_ == 0) return;
  // seq_cst, for the look of kick_needed() behind it.
  flags(published_.slot).store(first_flags_, std::memory_order_seq_cst);
  unkicked_ = static_cast<uint16_t>(unkicked_ + unpublished_);
  unpublished_ = 0;
}

bool PackedDriverQueue::kick_needed() {
  const uint16_t count = unkicked_;
  unkicked_ = 0;
  if (count == 0) return false;
  const uint16_t how = device_event_flags().load(std::memory_order_seq_cst);
  if (how != kEventAtOffset) return how == kEventEnable;
  const uint16_t event = device_event_offset().load(std::memory_order_acquire);
  int32_t offset = event & ~kEventWrap;
  if (((event & kEventWrap) != 0) != next_.wrap) offset -= setup_.size;
  return static_cast<uint16_t>(next_.slot - offset - 1) < count;
}

std::optional<Used> PackedDriverQueue::get_used() {
  const uint16_t now = flags(used_.slot).load(std::memory_order_acquire);
  if ((now & kRingFlags) != used_.used_flags()) return std::nullopt;
  const std::byte* slot = memory_.at(setup_.desc + used_.slot * virtio::kDescriptorSize);
  const auto id = virtio::load_le<uint16_t>(slot + virtio::kPackedIdOffset);
  const auto length = virtio::load_le<uint32_t>(slot + virtio::kPackedSizeOffset);
  if (id >= setup_.size || slots_[id] == 0) throw std::logic_error("used: a chain that is not out");
  if (length != 0 && (now & virtio::kDescWrite) == 0)
    throw std::logic_error("used: a length alone");
  used_.advance(slots_[id], setup_.size);
  free_slots_ = static_cast<uint16_t>(free_slots_ + slots_[id]);
  slots_[id] = 0;
  free_ids_.push_back(id);
  --outstanding_;
  return Used{id, length};
}

uint32_t PackedDriverQueue::used_position() const {
  const uint32_t position = used_.slot | (used_.wrap ? uint32_t{kEventWrap} : 0);
  return position << 16 | position;
}

void PackedDriverQueue::disable_notifications() {
  driver_event_flags().store(kEventDisable, std::memory_order_relaxed);
}

bool PackedDriverQueue::enable_notifications() {
  if (setup_.event_idx) {
    const uint16_t wrap = used_.wrap ? kEventWrap : 0;
    driver_event_offset().store(static_cast<uint16_t>(used_.slot | wrap),
                                std::memory_order_relaxed);
  }
  driver_event_flags().store(setup_.event_idx ? kEventAtOffset : kEventEnable,
                             std::memory_order_seq_cst);
  const uint16_t now = flags(used_.slot).load(std::memory_order_seq_cst);
  return (now & kRingFlags) == used_.used_flags();
}

}  // namespace stratos::test
