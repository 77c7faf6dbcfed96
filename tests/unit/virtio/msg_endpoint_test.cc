// SPDX-License-Identifier: Apache-2.0
// One side of a link against the bare words of the region.

#include "virtio/msg_endpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "driver_memory.h"

namespace stratos::test {
namespace {

using namespace virtio;

class MsgEndpointTest : public testing::Test {
 protected:
  MsgEndpointTest()
      : layout_(*plan_layout({.region_size = kSize, .num_elements = 4, .element_size = 64})) {
    endpoint_.attach(memory_.bytes(), layout_, Role::kDevice);
    endpoint_.new_epoch();
    endpoint_.bind_peer(9);
  }

  // The words as the header file names them (the test machine is little endian).
  virtio_msg_amp_head& head(const SideLayout& side) {
    return *reinterpret_cast<virtio_msg_amp_head*>(memory_.bytes().data() + side.head.offset);
  }
  virtio_msg_stratos_side& side(const SideLayout& side) {
    return *reinterpret_cast<virtio_msg_stratos_side*>(memory_.bytes().data() + side.side.offset);
  }
  uint64_t* notif(const SideLayout& side) {
    return reinterpret_cast<uint64_t*>(memory_.bytes().data() + side.notif.offset);
  }
  uint64_t& tx(const SideLayout& side, size_t word = 0) { return notif(side)[word]; }
  uint64_t& rx(const SideLayout& side, size_t word = 0) {
    return notif(side)[layout_.num_notif + word];
  }
  std::vector<uint32_t> pending() {
    std::vector<uint32_t> bits;
    endpoint_.take_pending([&](uint32_t bit) { bits.push_back(bit); });
    return bits;
  }

  static constexpr size_t kSize = 1 << 20;
  DriverMemory memory_{kSize};
  Layout layout_;
  MsgEndpoint endpoint_;
  const SideLayout& own_ = layout_.device;
  const SideLayout& peer_ = layout_.driver;
};

TEST_F(MsgEndpointTest, WritesOnlyItsOwnPages) {
  endpoint_.set_status(LinkStatus::kRun);
  endpoint_.set_doorbell(0x10000);
  endpoint_.beat();
  endpoint_.set_need_wakeup(true);
  EXPECT_EQ(head(own_).magic, 0x514f);
  EXPECT_EQ(head(own_).status, 2);
  EXPECT_EQ(side(own_).epoch, 1U);
  EXPECT_EQ(side(own_).peer_epoch, 9U);
  EXPECT_EQ(side(own_).heartbeat, 1U);
  EXPECT_EQ(side(own_).doorbell, 0x10000U);
  EXPECT_EQ(side(own_).need_wakeup, 1U);
  const std::vector<std::byte> zero(4096);
  EXPECT_EQ(std::memcmp(memory_.bytes().data() + peer_.head.offset, zero.data(), 4096), 0);
}

TEST_F(MsgEndpointTest, NotifiesByFlippingABit) {
  endpoint_.notify(4);
  endpoint_.notify(70);
  EXPECT_EQ(endpoint_.commit(), Wake::kAwake);
  EXPECT_EQ(tx(own_, 0), uint64_t{1} << 4);
  EXPECT_EQ(tx(own_, 1), uint64_t{1} << 6);
  EXPECT_EQ(endpoint_.commit(), Wake::kNothing);

  endpoint_.notify(4);
  EXPECT_EQ(endpoint_.commit(), Wake::kNothing) << "the first is unseen";
  EXPECT_EQ(tx(own_, 0), uint64_t{1} << 4);

  rx(peer_, 0) = tx(own_, 0);
  endpoint_.notify(4);
  EXPECT_EQ(endpoint_.commit(), Wake::kAwake);
  EXPECT_EQ(tx(own_, 0), 0U);
}

TEST_F(MsgEndpointTest, RingsWhoAsksForIt) {
  side(peer_).need_wakeup = 1;
  endpoint_.notify(8);
  EXPECT_EQ(endpoint_.commit(), Wake::kRing);
  side(peer_).need_wakeup = 0;
  endpoint_.notify(9);
  EXPECT_EQ(endpoint_.commit(), Wake::kAwake);
  // A standard peer knows nothing of need_wakeup.
  endpoint_.bind_peer(0);
  endpoint_.notify(10);
  EXPECT_EQ(endpoint_.commit(), Wake::kRing);
}

TEST_F(MsgEndpointTest, BitsBeyondTheLayoutAreIgnored) {
  endpoint_.notify(256);
  endpoint_.notify(UINT32_MAX);
  EXPECT_EQ(endpoint_.commit(), Wake::kNothing);
}

TEST_F(MsgEndpointTest, AcknowledgesWhatItTook) {
  EXPECT_FALSE(endpoint_.has_pending());
  tx(peer_, 0) = 1 | uint64_t{1} << 63;
  tx(peer_, 3) = uint64_t{1} << 32;
  EXPECT_TRUE(endpoint_.has_pending());
  EXPECT_EQ(pending(), (std::vector<uint32_t>{0, 63, 224}));
  EXPECT_EQ(rx(own_, 0), tx(peer_, 0));
  EXPECT_EQ(rx(own_, 3), tx(peer_, 3));
  EXPECT_FALSE(endpoint_.has_pending());
  EXPECT_TRUE(pending().empty());
  tx(peer_, 0) ^= 1;
  EXPECT_EQ(pending(), (std::vector<uint32_t>{0}));
}

TEST_F(MsgEndpointTest, DeviceAndQueueNameABit) {
  EXPECT_EQ(endpoint_.bit_of(0, 0), 4U);
  EXPECT_EQ(endpoint_.bit_of(0, 3), 7U);
  EXPECT_EQ(endpoint_.bit_of(2, 5), 13U) << "queue 5 shares the bit of queue 1";
}

TEST_F(MsgEndpointTest, SendsUntilTheQueueIsFull) {
  const std::array<std::byte, 5> message{std::byte{1}, std::byte{2}, std::byte{3}};
  for (uint16_t i = 1; i < 4; ++i) {
    EXPECT_TRUE(endpoint_.send(message));
    EXPECT_EQ(head(own_).tail, i);
  }
  EXPECT_FALSE(endpoint_.can_send());
  EXPECT_FALSE(endpoint_.send(message));
  EXPECT_EQ(memory_.bytes()[own_.elements.offset + 64 + 1], std::byte{2});
  head(peer_).head = 1;
  EXPECT_TRUE(endpoint_.send(message));
  EXPECT_EQ(head(own_).tail, 0) << "around the end";
  endpoint_.commit();
  EXPECT_EQ(tx(own_), 1U);
}

TEST_F(MsgEndpointTest, ImpossibleHeadMeansNoRoom) {
  for (const uint16_t bad : {uint16_t{4}, uint16_t{0xffff}}) {
    head(peer_).head = bad;
    EXPECT_FALSE(endpoint_.can_send());
  }
  EXPECT_FALSE(endpoint_.send(std::vector<std::byte>(65)));
}

TEST_F(MsgEndpointTest, ReceivesInOrderAndOnlyConsumesWhenTold) {
  std::array<std::byte, 64> slot{};
  EXPECT_EQ(endpoint_.receive(slot), ReceiveResult::kEmpty);
  for (uint64_t i = 0; i < 4; ++i) {
    memory_.bytes()[peer_.elements.offset + 64 * i] = static_cast<std::byte>(i + 1);
  }
  head(peer_).tail = 3;
  for (int i = 1; i < 4; ++i) {
    ASSERT_EQ(endpoint_.receive(slot), ReceiveResult::kMessage);
    EXPECT_EQ(endpoint_.receive(slot), ReceiveResult::kMessage) << "it stays";
    EXPECT_EQ(slot[0], static_cast<std::byte>(i));
    endpoint_.consume();
    EXPECT_EQ(head(own_).head, i);
  }
  EXPECT_EQ(endpoint_.receive(slot), ReceiveResult::kEmpty);
  head(peer_).tail = 4;
  EXPECT_EQ(endpoint_.receive(slot), ReceiveResult::kBadIndex);
}

TEST_F(MsgEndpointTest, SuccessorTakesOver) {
  endpoint_.set_status(LinkStatus::kRun);
  endpoint_.send(std::vector<std::byte>(8));
  endpoint_.commit();
  tx(peer_, 1) = 6;
  pending();
  MsgEndpoint successor;
  successor.attach(memory_.bytes(), layout_, Role::kDevice);
  ASSERT_TRUE(successor.load());
  EXPECT_EQ(successor.status(), LinkStatus::kRun);
  EXPECT_EQ(successor.epoch(), 1U);
  EXPECT_EQ(successor.peer_epoch(), 9U);
  EXPECT_FALSE(successor.has_pending());
  successor.notify(0);
  EXPECT_EQ(successor.commit(), Wake::kNothing) << "the predecessor's bit is still unseen";
  successor.send(std::vector<std::byte>(8));
  EXPECT_EQ(head(own_).tail, 2);
}

TEST_F(MsgEndpointTest, SuccessorRefusesNonsense) {
  endpoint_.set_status(LinkStatus::kRun);
  const auto loads = [&] {
    MsgEndpoint successor;
    successor.attach(memory_.bytes(), layout_, Role::kDevice);
    return successor.load();
  };
  EXPECT_TRUE(loads());
  head(own_).tail = 4;
  EXPECT_FALSE(loads());
  head(own_).tail = 0;
  head(own_).head = 0xffff;
  EXPECT_FALSE(loads());
  head(own_).head = 0;
  head(own_).status = 5;
  EXPECT_FALSE(loads());
  head(own_).status = 2;
  head(own_).magic = 0;
  EXPECT_FALSE(loads());
  head(own_).magic = 0x514f;
  side(own_).epoch = 0;
  EXPECT_FALSE(loads());
}

TEST_F(MsgEndpointTest, NewEpochIsNeverZeroNorTheOldOne) {
  side(own_).epoch = UINT32_MAX;
  MsgEndpoint fresh;
  fresh.attach(memory_.bytes(), layout_, Role::kDevice);
  fresh.new_epoch();
  EXPECT_EQ(side(own_).epoch, 1U);
  EXPECT_EQ(side(own_).peer_epoch, 0U);
}

}  // namespace
}  // namespace stratos::test
