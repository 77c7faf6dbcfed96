// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/can_front_end.h"

#include <linux/virtio_can.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "can/can_rig.h"
#include "runtime/test_loop.h"
#include "virtio/features.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint16_t kQueueSize = 64;
constexpr uint32_t kBufferSize = 128;
constexpr uint32_t kFrameHead = 16;
constexpr uint32_t kIdentifier = 0x123;

}  // namespace

CanFrontEnd::CanFrontEnd(runtime::Loop& loop, std::string path, bool inflight)
    : loop_(loop), path_(std::move(path)), keep_inflight_(inflight) {
  for (int i = 0; i < kQueueSize / 2; ++i) {
    free_messages_.push_back(memory_.driver().allocate(kBufferSize));
  }
}

void CanFrontEnd::connect() {
  if (front_) {
    for (uint16_t i = 0; i < VIRTIO_CAN_QUEUE_COUNT; ++i)
      queues_.push_back(std::move(front_->ring(i).queue));
  }
  const bool first = queues_.empty();
  front_ = std::make_unique<FrontEnd>(loop_, path_);
  front_->negotiate(~virtio::kFeatureRingPacked,
                    kProtocolFeatures & ~bit_of(ProtocolFeature::kInbandNotifications));
  front_->share(memory_);
  std::vector<uint32_t> bases;
  for (uint16_t i = 0; i < VIRTIO_CAN_QUEUE_COUNT; ++i) {
    if (first) {
      front_->make_ring(i, i == VIRTIO_CAN_QUEUE_CONTROL ? 16 : kQueueSize);
    } else {
      front_->ring(i).queue = std::move(queues_[i]);
    }
    bases.push_back(front_->left_base(i));
  }
  queues_.clear();
  if (keep_inflight_) {
    if (!inflight_) {
      inflight_ = front_->get_inflight(VIRTIO_CAN_QUEUE_COUNT, kQueueSize, kInflightPadding);
    }
    front_->set_inflight(*inflight_);
  }
  front_->start_rings(bases);
  if (!first) return;
  for (int i = 0; i < kQueueSize; ++i) post_receive_buffer(memory_.driver().allocate(kBufferSize));
}

void CanFrontEnd::kick(uint16_t index) {
  front_->ring(index).queue->publish();
  front_->kick_if_needed(index);
}

void CanFrontEnd::post_receive_buffer(uint64_t address) {
  const test::Buffer buffer{address, kBufferSize};
  const auto id = front_->ring(VIRTIO_CAN_QUEUE_RX).queue->add({}, {&buffer, 1});
  if (!id) throw std::logic_error("no room for a receive buffer");
  buffers_[*id] = address;
  kick(VIRTIO_CAN_QUEUE_RX);
}

bool CanFrontEnd::start_controller() {
  const uint64_t address = memory_.driver().allocate(16);
  constexpr uint16_t kStart = VIRTIO_CAN_SET_CTRL_MODE_START;
  std::memcpy(memory_.driver().at(address), &kStart, sizeof(kStart));
  const test::Buffer request{address, sizeof(kStart)};
  const test::Buffer result{address + 8, 1};
  front_->ring(VIRTIO_CAN_QUEUE_CONTROL).queue->add({&request, 1}, {&result, 1});
  kick(VIRTIO_CAN_QUEUE_CONTROL);
  return front_->wait_used(VIRTIO_CAN_QUEUE_CONTROL) &&
         *memory_.driver().at(address + 8) == std::byte{VIRTIO_CAN_RESULT_OK};
}

bool CanFrontEnd::send(uint32_t number) {
  if (free_messages_.empty()) return false;
  const auto message = test::tx_message(test::numbered(kIdentifier, number));
  const uint64_t address = free_messages_.back();
  std::memcpy(memory_.driver().at(address), message.data(), message.size());
  const test::Buffer request{address, static_cast<uint32_t>(message.size())};
  const test::Buffer result{address + kBufferSize - 1, 1};
  const auto id = front_->ring(VIRTIO_CAN_QUEUE_TX).queue->add({&request, 1}, {&result, 1});
  if (!id) return false;
  free_messages_.pop_back();
  sent_[*id] = {address, number};
  kick(VIRTIO_CAN_QUEUE_TX);
  return true;
}

void CanFrontEnd::poll() {
  while (const auto used = front_->take_used(VIRTIO_CAN_QUEUE_TX)) {
    const Sent sent = sent_.at(used->id);
    sent_.erase(used->id);
    if (results_.contains(sent.number)) throw std::logic_error("a result came twice");
    results_[sent.number] =
        std::to_integer<uint8_t>(*memory_.driver().at(sent.address + kBufferSize - 1));
    free_messages_.push_back(sent.address);
  }
  while (const auto used = front_->take_used(VIRTIO_CAN_QUEUE_RX)) {
    const uint64_t address = buffers_.at(used->id);
    buffers_.erase(used->id);
    uint32_t number = 0;
    if (used->length < kFrameHead + sizeof(number)) throw std::logic_error("a short frame");
    std::memcpy(&number, memory_.driver().at(address + kFrameHead), sizeof(number));
    heard_.push_back(number);
    post_receive_buffer(address);
  }
}

}  // namespace stratos::links::vhost_user
