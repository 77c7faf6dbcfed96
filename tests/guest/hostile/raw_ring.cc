// SPDX-License-Identifier: Apache-2.0

#include "hostile/raw_ring.h"

#include <algorithm>
#include <atomic>

#include "virtio/descriptor.h"
#include "virtio/endian.h"

namespace stratos::guest {

using virtio::load_le;
using virtio::store_le;

namespace {

constexpr uint32_t kEventAreaSize = 4;

}  // namespace

void RawRing::publish() { std::atomic_thread_fence(std::memory_order_seq_cst); }

void RawRing::write(const Chain& chain, std::span<const std::byte> bytes) const {
  const Part part = chain.writable;
  if (std::byte* to = device_.at(part.address, part.size))
    std::copy_n(bytes.begin(), std::min<size_t>(bytes.size(), part.size), to);
}

void RawRing::serve(std::byte result) const {
  for (Chain chain; next(chain);) {
    write(chain, std::span(&result, 1));
    push(chain.id, 1, chain.slots);
  }
}

// ---- Split ----

bool RawSplitRing::next(Chain& chain) const {
  const uint16_t at = used_idx();
  if (at == load_le<uint16_t>(avail(2))) return false;
  chain = {.id = load_le<uint16_t>(avail(4 + 2 * (at % setup_.size))), .slots = 1, .writable = {}};
  uint16_t index = chain.id;
  for (uint16_t left = setup_.size; left != 0; --left) {
    const virtio::Descriptor part = virtio::load_split_descriptor(
        device_.at(setup_.desc + virtio::kDescriptorSize * index, virtio::kDescriptorSize));
    chain.writable = {part.address, part.size};
    if ((part.flags & virtio::kDescNext) == 0) break;
    index = part.link;
  }
  return true;
}

void RawSplitRing::push(uint32_t id, uint32_t length, uint16_t) const {
  const uint16_t at = used_idx();
  std::byte* element = used(4 + 8 * (at % setup_.size));
  store_le<uint32_t>(element, id);
  store_le<uint32_t>(element + 4, length);
  set_used_idx(static_cast<uint16_t>(at + 1));
}

uint16_t RawSplitRing::used_idx() const { return load_le<uint16_t>(used(2)); }

void RawSplitRing::set_used_idx(uint16_t value) const {
  publish();  // pairs with the driver's read barrier after the index
  store_le<uint16_t>(used(2), value);
  device_.notify_queue(index_);
}

std::span<std::byte> RawSplitRing::used_area() const {
  const size_t size = 6 + size_t{8} * setup_.size;
  return {device_.at(setup_.device, size), size};
}

// ---- Packed ----

bool RawPackedRing::next(Chain& chain) const {
  virtio::PackedPosition at = position();
  virtio::Descriptor part = virtio::load_packed_descriptor(descriptor(at.slot));
  if (!at.is_avail(part.flags)) return false;
  chain = {};
  while ((part.flags & virtio::kDescNext) != 0 && chain.slots < size()) {
    ++chain.slots;
    at.advance(1, size());
    part = virtio::load_packed_descriptor(descriptor(at.slot));
  }
  chain.id = part.link;
  chain.writable = {part.address, part.size};
  return true;
}

void RawPackedRing::push(uint32_t id, uint32_t length, uint16_t slots) const {
  put_used(position(), id, length);
  position().advance(slots, size());
  notify();
}

void RawPackedRing::put_used(virtio::PackedPosition at, uint32_t id, uint32_t length) const {
  std::byte* const element = descriptor(at.slot);
  store_le<uint32_t>(element + virtio::kPackedSizeOffset, length);
  store_le<uint16_t>(element + virtio::kPackedIdOffset, static_cast<uint16_t>(id));
  publish();  // pairs with the driver's read barrier after the flags
  store_le<uint16_t>(element + virtio::kPackedFlagsOffset,
                     static_cast<uint16_t>(at.used_flags() | virtio::kDescWrite));
}

std::byte* RawPackedRing::descriptor(uint16_t slot) const {
  return device_.at(setup_.desc + virtio::kDescriptorSize * slot, virtio::kDescriptorSize);
}

std::span<std::byte> RawPackedRing::descriptors() const {
  const size_t bytes = virtio::kDescriptorSize * size();
  return {device_.at(setup_.desc, bytes), bytes};
}

std::span<std::byte> RawPackedRing::driver_events() const {
  return {device_.at(setup_.driver, kEventAreaSize), kEventAreaSize};
}

std::span<std::byte> RawPackedRing::device_events() const {
  return {device_.at(setup_.device, kEventAreaSize), kEventAreaSize};
}

std::unique_ptr<RawRing> raw_ring(HostileDevice& device, uint16_t index) {
  if (device.queue(index).packed) return std::make_unique<RawPackedRing>(device, index);
  return std::make_unique<RawSplitRing>(device, index);
}

}  // namespace stratos::guest
