// SPDX-License-Identifier: Apache-2.0
#include "rpmb/request_rig.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace stratos::test {
namespace {

constexpr size_t kMemory = 8 << 20;
constexpr size_t kSlots = 32;
constexpr std::byte kUntouched{0xee};

// [address, address + size) in pieces.
std::vector<Buffer> cut(uint64_t address, size_t size, size_t piece) {
  std::vector<Buffer> buffers;
  for (size_t done = 0; done < size; done += piece) {
    buffers.push_back({address + done, static_cast<uint32_t>(std::min(piece, size - done))});
  }
  return buffers;
}

}  // namespace

RequestRig::RequestRig(uint16_t queue_size, bool packed)
    : queue_size_(queue_size), packed_(packed), memory_(kMemory) {
  for (size_t i = 0; i < kSlots; ++i) {
    slots_.push_back({memory_.allocate(kSlotBytes), memory_.allocate(kSlotBytes)});
  }
  inflight_.resize(virtio::InflightTable::bytes(queue_size, packed) / sizeof(uint64_t));
}

void RequestRig::connect() {
  driver_ = DriverQueue::make(
      memory_, {.size = queue_size_, .packed = packed_, .event_idx = true, .indirect = true});
  std::fill(inflight_.begin(), inflight_.end(), 0);
  const virtio::InflightTable table(std::as_writable_bytes(std::span(inflight_)));
  ASSERT_EQ(queue_.start(memory_.memory(), driver_->setup(), table), virtio::QueueError::kNone);
  keys_.clear();
  posted_.clear();
  free_slots_.resize(kSlots);
  for (size_t i = 0; i < kSlots; ++i) free_slots_[i] = i;
  served().start(*this, 0);
}

size_t RequestRig::post(const Bytes& request, size_t room, size_t piece) {
  EXPECT_FALSE(free_slots_.empty());
  const size_t index = free_slots_.back();
  free_slots_.pop_back();
  const Slot& slot = slots_[index];
  std::copy(request.begin(), request.end(), memory_.at(slot.request));
  std::fill_n(memory_.at(slot.response), room, kUntouched);
  const auto id =
      driver_->add(cut(slot.request, request.size(), piece), cut(slot.response, room, piece), true);
  EXPECT_TRUE(id) << "the queue is full";
  driver_->publish();
  keys_[id.value()] = posted_.size();
  posted_.push_back({.slot = index});
  return posted_.size() - 1;
}

void RequestRig::collect() {
  while (const auto used = driver_->get_used()) {
    Posted& posted = posted_.at(keys_.at(used->id));
    EXPECT_FALSE(posted.back) << "a chain was given back twice";
    const std::byte* data = memory_.at(slots_[posted.slot].response);
    posted.bytes.assign(data, data + used->length);
    posted.back = true;
    free_slots_.push_back(posted.slot);
  }
}

std::optional<Bytes> RequestRig::answer(size_t key) {
  collect();
  const Posted& posted = posted_.at(key);
  if (!posted.back) return std::nullopt;
  return posted.bytes;
}

Frames RequestRig::ask(const Frames& request, size_t room_frames) {
  const size_t key = post(request, room_frames);
  turn();
  const auto bytes = answer(key);
  EXPECT_TRUE(bytes) << "no answer";
  if (!bytes) return {};
  EXPECT_EQ(bytes->size() % sizeof(Frame), 0U);
  return to_frames(*bytes);
}

std::byte* RequestRig::request_memory(size_t key) {
  return memory_.at(slots_[posted_.at(key).slot].request);
}

void RequestRig::turn() {
  bool more = true;
  while (more) {
    more = served().process(0, 0, 16);
    publish();
    more = std::exchange(again_, false) || more;
  }
}

void RequestRig::publish() {
  persisted_.resize(virtio::Device::kMaxState);
  persisted_.resize(served().save(persisted_));
  queue_.publish();
}

void RequestRig::reset() {
  served().stop();
  queue_.stop();
  connect();
}

void RequestRig::resume() {
  queue_.stop();
  ASSERT_TRUE(served().restore(persisted_));
  const virtio::InflightTable table(std::as_writable_bytes(std::span(inflight_)));
  ASSERT_EQ(queue_.resume(memory_.memory(), driver_->setup(), table), virtio::QueueError::kNone);
  served().start(*this, 0);
}

}  // namespace stratos::test
