// SPDX-License-Identifier: Apache-2.0

#include "restart/can_load.h"

#include <gtest/gtest.h>
#include <linux/virtio_can.h>

#include <algorithm>
#include <array>

#include "virtio/endian.h"

namespace stratos::test {
namespace {

constexpr uint32_t kCanId = 0x123;

}  // namespace

CanLoad::CanLoad(DriverMemory& memory, DriverQueue& tx)
    : CheckedLoad(memory, tx, sizeof(virtio_can_tx_out) + VIRTIO_CAN_CLASSIC_MAX_DLEN,
                  sizeof(virtio_can_tx_in)) {}

void CanLoad::write_request(uint64_t number, std::span<std::byte> out) {
  std::ranges::fill(out, std::byte{0});
  virtio::store_le<uint16_t>(&out[offsetof(virtio_can_tx_out, msg_type)], VIRTIO_CAN_TX);
  virtio::store_le<uint16_t>(&out[offsetof(virtio_can_tx_out, length)],
                             VIRTIO_CAN_CLASSIC_MAX_DLEN);
  virtio::store_le<uint32_t>(&out[offsetof(virtio_can_tx_out, can_id)], kCanId);
  virtio::store_be<uint64_t>(&out[sizeof(virtio_can_tx_out)], number);
}

void CanLoad::expect_answer(uint64_t number, std::span<const std::byte> in) {
  EXPECT_EQ(in[0], std::byte{VIRTIO_CAN_RESULT_OK}) << "frame " << number;
}

CanListener::CanListener(DriverMemory& memory, DriverQueue& rx)
    : memory_(memory), queue_(rx), buffer_of_(rx.setup().size) {
  constexpr uint32_t kSize = sizeof(virtio_can_rx) + VIRTIO_CAN_MAX_DLEN;
  for (uint16_t i = 0; i < rx.setup().size; ++i) {
    const Buffer buffer{memory.allocate(kSize), kSize};
    buffer_of_[*rx.add({}, std::array{buffer})] = buffer;
  }
  rx.publish();
}

void CanListener::listen() {
  while (const auto used = queue_.get_used()) {
    const Buffer buffer = buffer_of_[used->id];
    const std::byte* frame = memory_.at(buffer.address);
    EXPECT_EQ(used->length, sizeof(virtio_can_rx) + VIRTIO_CAN_CLASSIC_MAX_DLEN);
    const auto number = virtio::load_be<uint64_t>(frame + sizeof(virtio_can_rx));
    if (number != expected_) {
      EXPECT_LT(number, expected_) << "frames are missing";
      EXPECT_LE(expected_ - number, CheckedLoad::kDepth)
          << "not only what was under way came again";
      ++jumps_;
    }
    expected_ = number + 1;
    buffer_of_[*queue_.add({}, std::array{buffer})] = buffer;
  }
  queue_.publish();
}

}  // namespace stratos::test
