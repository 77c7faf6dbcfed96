// SPDX-License-Identifier: Apache-2.0
#include "rpmb/rpmb_rig.h"

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

RpmbRig::RpmbRig(const RpmbOptions& options)
    : store(options.blocks), options_(options), memory_(kMemory) {
  for (size_t i = 0; i < kSlots; ++i) {
    slots_.push_back({memory_.allocate(kSlotBytes), memory_.allocate(kSlotBytes)});
  }
  inflight_.resize(virtio::InflightTable::bytes(options.device.queue_size, options.packed) /
                   sizeof(uint64_t));
  make_device();
  connect();
}

void RpmbRig::make_device() {
  device_memory_.assign(rpmb::RpmbDevice::storage_size(options_.device), std::byte{0xdd});
  device = std::make_unique<rpmb::RpmbDevice>(store, hmac, options_.device, device_memory_);
}

void RpmbRig::connect() {
  driver_ = DriverQueue::make(memory_, {.size = options_.device.queue_size,
                                        .packed = options_.packed,
                                        .event_idx = true,
                                        .indirect = true});
  std::fill(inflight_.begin(), inflight_.end(), 0);
  const virtio::InflightTable table(std::as_writable_bytes(std::span(inflight_)));
  ASSERT_EQ(queue_.start(memory_.memory(), driver_->setup(), table), virtio::QueueError::kNone);
  keys_.clear();
  posted_.clear();
  free_slots_.resize(kSlots);
  for (size_t i = 0; i < kSlots; ++i) free_slots_[i] = i;
  device->start(*this, 0);
}

size_t RpmbRig::post(const Bytes& request, size_t room, size_t piece) {
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

void RpmbRig::collect() {
  while (const auto used = driver_->get_used()) {
    Posted& posted = posted_.at(keys_.at(used->id));
    EXPECT_FALSE(posted.back) << "a chain was given back twice";
    const std::byte* data = memory_.at(slots_[posted.slot].response);
    posted.bytes.assign(data, data + used->length);
    posted.back = true;
    free_slots_.push_back(posted.slot);
  }
}

std::optional<Bytes> RpmbRig::answer(size_t key) {
  collect();
  const Posted& posted = posted_.at(key);
  if (!posted.back) return std::nullopt;
  return posted.bytes;
}

Frames RpmbRig::ask(const Frames& request, size_t room_frames) {
  const size_t key = post(request, room_frames);
  turn();
  const auto bytes = answer(key);
  EXPECT_TRUE(bytes) << "no answer";
  if (!bytes) return {};
  EXPECT_EQ(bytes->size() % sizeof(Frame), 0U);
  return to_frames(*bytes);
}

Look RpmbRig::ask_one(const Frames& request, const Secret& key) {
  const Frames response = ask(request);
  EXPECT_EQ(response.size(), 1U);
  if (response.size() != 1) return {};
  EXPECT_EQ(hex(key_mac_in(response[0])), hex(mac_of(response, key)));
  return look_at(response[0]);
}

std::byte* RpmbRig::request_memory(size_t key) {
  return memory_.at(slots_[posted_.at(key).slot].request);
}

void RpmbRig::program() { ASSERT_EQ(ask_one(with_result(program_key())), (Look{.type = 0x0100})); }

void RpmbRig::turn() {
  bool more = true;
  while (more) {
    more = device->process(0, 0, 16);
    publish();
    more = std::exchange(again_, false) || more;
  }
}

void RpmbRig::publish() {
  persisted_.resize(virtio::Device::kMaxState);
  persisted_.resize(device->save(persisted_));
  queue_.publish();
}

void RpmbRig::reset() {
  device->stop();
  queue_.stop();
  connect();
}

void RpmbRig::kill(bool happened) {
  store.die(happened);  // what it was given lies in the device
  device.reset();
  queue_.stop();
  make_device();
  ASSERT_TRUE(device->restore(persisted_));
  const virtio::InflightTable table(std::as_writable_bytes(std::span(inflight_)));
  ASSERT_EQ(queue_.resume(memory_.memory(), driver_->setup(), table), virtio::QueueError::kNone);
  device->start(*this, 0);
}

}  // namespace stratos::test
