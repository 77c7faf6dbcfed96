// SPDX-License-Identifier: Apache-2.0
#include "can/can_rig.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "virtio/endian.h"

namespace stratos::test {
namespace {

constexpr size_t kMemory = 8 << 20;
constexpr std::byte kUntouched{0xee};

virtio::QueueSetup queue_setup(uint16_t size, bool packed) {
  return {.size = size, .packed = packed, .event_idx = true, .indirect = true};
}

}  // namespace

Bytes from_hex(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != ' '; });
  Bytes bytes(digits.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    uint8_t value = 0;
    std::from_chars(&digits[2 * i], &digits[2 * i] + 2, value, 16);
    bytes[i] = std::byte{value};
  }
  return bytes;
}

Bytes tx_message(const can::Frame& frame) {
  Bytes bytes(16 + frame.length);
  uint32_t flags = 0;
  if (frame.extended) flags |= VIRTIO_CAN_FLAGS_EXTENDED;
  if (frame.remote) flags |= VIRTIO_CAN_FLAGS_RTR;
  if (frame.fd) flags |= VIRTIO_CAN_FLAGS_FD;
  virtio::store_le<uint16_t>(&bytes[0], VIRTIO_CAN_TX);
  virtio::store_le<uint16_t>(&bytes[2], frame.length);
  virtio::store_le<uint32_t>(&bytes[8], flags);
  virtio::store_le<uint32_t>(&bytes[12], frame.id);
  std::copy_n(frame.payload.begin(), frame.length, bytes.begin() + 16);
  return bytes;
}

can::Frame numbered(uint32_t id, uint32_t value) {
  can::Frame frame;
  frame.id = id;
  frame.length = 4;
  virtio::store_le<uint32_t>(frame.payload.data(), value);
  return frame;
}

uint32_t number_of(const can::Frame& frame) {
  return virtio::load_le<uint32_t>(frame.payload.data());
}

CanRig::CanRig(const RigOptions& options, can::Bus* shared)
    : slots(options.tx_slots),
      backlog(options.backlog),
      device(shared ? *shared : bus, options.device, {.tx = slots, .backlog = backlog}),
      options_(options),
      memory_(kMemory) {
  connect();
}

void CanRig::connect() {
  for (uint16_t i = 0; i < 3; ++i) {
    const uint16_t size = device.type().max_queue_sizes[i];
    drivers_[i] = DriverQueue::make(memory_, queue_setup(size, options_.packed));
    ASSERT_EQ(queues_[i].start(memory_.memory(), drivers_[i]->setup(), {}),
              virtio::QueueError::kNone);
  }
  keys_ = {};
  rx_buffers_.clear();
  received_.clear();
  ASSERT_TRUE(device.accept(options_.features));
  device.start(*this, options_.features);
}

size_t CanRig::send(const Bytes& message, uint32_t result_size) {
  const uint64_t out = memory_.allocate(std::max<size_t>(message.size(), 1));
  std::copy(message.begin(), message.end(), memory_.at(out));
  const uint64_t in = memory_.allocate(1);
  *memory_.at(in) = kUntouched;
  const Buffer readable{out, static_cast<uint32_t>(message.size())};
  const Buffer writable{in, result_size};
  const auto id = drivers_[VIRTIO_CAN_QUEUE_TX]->add({&readable, message.empty() ? 0U : 1U},
                                                     {&writable, result_size == 0 ? 0U : 1U});
  EXPECT_TRUE(id);
  if (!id) return SIZE_MAX;
  drivers_[VIRTIO_CAN_QUEUE_TX]->publish();
  keys_[0][*id] = answers_.size();
  answers_.push_back({.address = in, .value = {}});
  return answers_.size() - 1;
}

void CanRig::collect(uint16_t queue) {
  queues_[queue].publish();
  while (const auto used = drivers_[queue]->get_used()) {
    if (queue == VIRTIO_CAN_QUEUE_RX) {
      const Buffer buffer = rx_buffers_.at(used->id);
      const std::byte* data = memory_.at(buffer.address);
      received_.emplace_back(data, data + used->length);
      continue;
    }
    auto& keys = keys_[queue == VIRTIO_CAN_QUEUE_TX ? 0 : 1];
    Answer& answer = answers_.at(keys.at(used->id));
    EXPECT_EQ(used->length, 1U);
    EXPECT_EQ(++answer.times, 1) << "a chain was given back twice";
    answer.value = std::to_integer<uint8_t>(*memory_.at(answer.address));
  }
}

std::optional<uint8_t> CanRig::result(size_t key) {
  collect(VIRTIO_CAN_QUEUE_TX);
  return answers_.at(key).value;
}

std::optional<uint8_t> CanRig::control(const Bytes& message, uint32_t result_size) {
  const uint64_t out = memory_.allocate(std::max<size_t>(message.size(), 1));
  std::copy(message.begin(), message.end(), memory_.at(out));
  const uint64_t in = memory_.allocate(1);
  *memory_.at(in) = kUntouched;
  const Buffer readable{out, static_cast<uint32_t>(message.size())};
  const Buffer writable{in, result_size};
  DriverQueue& driver = *drivers_[VIRTIO_CAN_QUEUE_CONTROL];
  const auto id =
      driver.add({&readable, message.empty() ? 0U : 1U}, {&writable, result_size == 0 ? 0U : 1U});
  driver.publish();
  keys_[1][id.value()] = answers_.size();
  answers_.push_back({.address = in, .value = {}});
  process(VIRTIO_CAN_QUEUE_CONTROL);
  collect(VIRTIO_CAN_QUEUE_CONTROL);
  return answers_.back().value;
}

void CanRig::post_rx(size_t count, uint32_t size) {
  DriverQueue& driver = *drivers_[VIRTIO_CAN_QUEUE_RX];
  for (size_t i = 0; i < count; ++i) {
    const Buffer buffer{memory_.allocate(size), size};
    std::fill_n(memory_.at(buffer.address), size, kUntouched);
    const auto id = driver.add({}, {&buffer, 1});
    ASSERT_TRUE(id) << "the Rx queue is full";
    rx_buffers_[*id] = buffer;
  }
  driver.publish();
}

std::vector<Bytes> CanRig::received() {
  collect(VIRTIO_CAN_QUEUE_RX);
  return std::exchange(received_, {});
}

std::vector<can::Frame> CanRig::received_frames() {
  std::vector<can::Frame> frames;
  for (const Bytes& message : received()) {
    EXPECT_GE(message.size(), 16U);
    EXPECT_EQ(virtio::load_le<uint16_t>(&message[0]), VIRTIO_CAN_RX);
    can::Frame& frame = frames.emplace_back();
    const auto flags = virtio::load_le<uint32_t>(&message[8]);
    frame.extended = (flags & VIRTIO_CAN_FLAGS_EXTENDED) != 0;
    frame.remote = (flags & VIRTIO_CAN_FLAGS_RTR) != 0;
    frame.fd = (flags & VIRTIO_CAN_FLAGS_FD) != 0;
    frame.id = virtio::load_le<uint32_t>(&message[12]);
    frame.length = static_cast<uint8_t>(virtio::load_le<uint16_t>(&message[2]));
    EXPECT_EQ(message.size(), 16U + frame.length);
    std::copy(message.begin() + 16, message.end(), frame.payload.begin());
  }
  return frames;
}

uint16_t CanRig::status() const {
  std::array<std::byte, 2> bytes{};
  device.read_config(0, bytes);
  return virtio::load_le<uint16_t>(bytes.data());
}

void CanRig::process(uint16_t queue) {
  while (device.process(queue, 0, 16)) {
  }
}

bool CanRig::process(uint16_t queue, uint32_t budget) { return device.process(queue, 0, budget); }

}  // namespace stratos::test
