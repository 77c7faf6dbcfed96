// SPDX-License-Identifier: Apache-2.0
// As many guests' devices as a helper may have on one virtual bus, each with rings of its own.

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <vector>

#include "can/can_rig.h"
#include "hosts/virtual_bus.h"

namespace stratos::test {
namespace {

using hosts::VirtualBus;

constexpr uint32_t kGuests = 64;
constexpr uint16_t kRoom = 256;  // of an Rx queue, and of a backlog

// Guest `i` sends frames of this id; so later guests have precedence.
uint32_t id_of(uint32_t guest) { return 16 * (kGuests - guest); }

class SharedBus : public testing::Test {
 protected:
  void SetUp() override {
    for (uint32_t i = 0; i < kGuests; ++i) {
      // Both kinds of rings.
      CanRig& guest =
          guests.emplace_back(RigOptions{.device = {.rx_queue_size = kRoom}, .packed = i % 2 == 1},
                              bus.add_port("guest"));
      guest.post_rx(kRoom);
      ASSERT_EQ(guest.start(), VIRTIO_CAN_RESULT_OK);
    }
    heard.resize(kGuests);
    keys.resize(kGuests);
  }
  void send(uint32_t guest, uint32_t number) {
    keys[guest].push_back(guests[guest].send(numbered(id_of(guest), number)));
  }
  // What a helper does in a turn, and then what a guest does.
  void turn() {
    for (CanRig& guest : guests) guest.process(VIRTIO_CAN_QUEUE_TX);
    while (bus.pump(0)) {
    }
    for (uint32_t i = 0; i < kGuests; ++i) {
      const auto frames = guests[i].received_frames();
      heard[i].insert(heard[i].end(), frames.begin(), frames.end());
      guests[i].post_rx(frames.size());
      for (const size_t key : keys[i]) guests[i].result(key);
    }
  }
  void expect_everything_was_sent() {
    for (uint32_t i = 0; i < kGuests; ++i) {
      for (const size_t key : keys[i]) ASSERT_EQ(guests[i].result(key), VIRTIO_CAN_RESULT_OK);
      EXPECT_EQ(guests[i].device.counters().rx_overrun, 0U) << "guest " << i;
      EXPECT_EQ(guests[i].resets, 0) << "guest " << i;
    }
  }

  VirtualBus bus{{}};
  std::deque<CanRig> guests;
  std::vector<std::vector<can::Frame>> heard;
  std::vector<std::vector<size_t>> keys;  // of send(), by guest
};

TEST_F(SharedBus, TheLowestIdentifierOfAllGuestsGoesFirst) {
  for (uint32_t i = 0; i < kGuests; ++i) {
    for (uint32_t number = 0; number < 2; ++number) send(i, number);
  }
  turn();
  expect_everything_was_sent();
  for (uint32_t i = 0; i < kGuests; ++i) {
    ASSERT_EQ(heard[i].size(), 2 * (kGuests - 1));
    for (size_t k = 1; k < heard[i].size(); ++k) {
      const can::Frame& before = heard[i][k - 1];
      const can::Frame& now = heard[i][k];
      ASSERT_LE(before.id, now.id);
      if (before.id == now.id) {
        EXPECT_LT(number_of(before), number_of(now));
      }
    }
  }
}

TEST_F(SharedBus, EveryGuestHearsAllOthersCompletelyAndInOrder) {
  constexpr uint32_t kFrames = 48;  // of each guest
  for (uint32_t number = 0; number < kFrames; number += 2) {
    for (uint32_t i = 0; i < kGuests; ++i) {
      send(i, number);
      send(i, number + 1);
    }
    turn();
  }
  turn();
  expect_everything_was_sent();
  EXPECT_EQ(bus.frames(), uint64_t{kGuests} * kFrames);
  for (uint32_t i = 0; i < kGuests; ++i) {
    std::map<uint32_t, uint32_t> next;
    for (const can::Frame& frame : heard[i]) ASSERT_EQ(number_of(frame), next[frame.id]++);
    EXPECT_EQ(heard[i].size(), (kGuests - 1) * kFrames);
    EXPECT_EQ(next.count(id_of(i)), 0U) << "heard itself";
  }
}

// As a controller does with a full FIFO; see can::Bus::hold().
TEST_F(SharedBus, AGuestThatTakesNothingLosesItsOwnFramesOnly) {
  constexpr uint32_t kFrames = 1000;
  CanRig& slow = guests[1];
  size_t came = 0;
  for (uint32_t number = 0; number < kFrames; ++number) {
    send(0, number);
    guests[0].process(VIRTIO_CAN_QUEUE_TX);
    while (bus.pump(0)) {
    }
    ASSERT_EQ(guests[0].result(keys[0].back()), VIRTIO_CAN_RESULT_OK);
    const auto frames = guests[2].received_frames();
    came += frames.size();
    guests[2].post_rx(frames.size());
  }
  EXPECT_EQ(came, kFrames);
  EXPECT_EQ(slow.received().size(), kRoom);
  EXPECT_EQ(slow.device.counters().rx_overrun, kFrames - 2 * kRoom);
}

}  // namespace
}  // namespace stratos::test
