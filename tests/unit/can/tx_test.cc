// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "can/can_rig.h"

namespace stratos::test {
namespace {

constexpr uint8_t kOk = VIRTIO_CAN_RESULT_OK;
constexpr uint8_t kNotOk = VIRTIO_CAN_RESULT_NOT_OK;

size_t rejects(const CanRig& rig, can::Reject reason) {
  return rig.device.counters().tx_rejected[static_cast<size_t>(reason)];
}

class CanTx : public testing::TestWithParam<bool> {
 protected:
  RigOptions options(size_t tx_slots = 64) {
    return {.device = {}, .tx_slots = tx_slots, .packed = GetParam()};
  }
};
INSTANTIATE_TEST_SUITE_P(Ring, CanTx, testing::Bool(),
                         [](const auto& row) { return row.param ? "Packed" : "Split"; });

TEST_P(CanTx, AFrameIsAcknowledgedOnceItWasOnTheBus) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  const size_t key = rig.send(numbered(0x123, 7));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  ASSERT_EQ(rig.bus.all.size(), 1U);
  EXPECT_EQ(rig.bus.all[0], numbered(0x123, 7));
  EXPECT_GE(rig.bus.flushes, 1);
  EXPECT_EQ(rig.result(key), std::nullopt) << "acknowledged before it was on the bus";
  rig.bus.complete();
  EXPECT_EQ(rig.completions[VIRTIO_CAN_QUEUE_TX], 1);
  EXPECT_EQ(rig.result(key), kOk);
  EXPECT_EQ(rig.device.counters().tx, 1U);
}

// The same holds without LATE_TX_ACK: an acknowledged frame was on the bus.
TEST(CanTxPlain, WithoutLateTxAckTheFrameIsNotAcknowledgedEarlierEither) {
  CanRig rig({.device = {}, .features = kClassic});
  ASSERT_EQ(rig.start(), kOk);
  const size_t key = rig.send(numbered(1, 1));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.result(key), std::nullopt);
  rig.bus.complete(false);
  EXPECT_EQ(rig.result(key), kNotOk);
  EXPECT_EQ(rig.device.counters().tx_failed, 1U);
}

TEST_P(CanTx, AStoppedControllerSendsNothing) {
  CanRig rig(options());
  const size_t key = rig.send(numbered(1, 1));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.result(key), kNotOk);
  EXPECT_TRUE(rig.bus.all.empty());
  EXPECT_EQ(rejects(rig, can::Reject::kStopped), 1U);
}

TEST_P(CanTx, ABadFrameCostsOnlyItself) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  const size_t good = rig.send(numbered(1, 1));
  const size_t bad = rig.send(from_hex("0100 ffff 00 00 0000 00000000 23010000"));
  const size_t empty = rig.send(Bytes{});
  const size_t next = rig.send(numbered(1, 2));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.result(bad), kNotOk);
  EXPECT_EQ(rig.result(empty), kNotOk);
  rig.bus.complete();
  rig.bus.complete();
  EXPECT_EQ(rig.result(good), kOk);
  EXPECT_EQ(rig.result(next), kOk);
  EXPECT_EQ(rig.bus.all.size(), 2U);
  EXPECT_EQ(rejects(rig, can::Reject::kLength), 1U);
  EXPECT_EQ(rejects(rig, can::Reject::kShort), 1U);
  EXPECT_EQ(rig.resets, 0);
}

TEST_P(CanTx, ARequestWithoutRoomForAResultBreaksTheDevice) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  rig.send(tx_message(numbered(1, 1)), 0);
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.resets, 1);
  EXPECT_EQ(rig.bus.listener, nullptr) << "a broken device is still on the bus";
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.resets, 1);
}

TEST_P(CanTx, GoesOnWhenTheBusHasRoomAgain) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.room = 3;
  std::vector<size_t> keys;
  for (uint32_t i = 0; i < 20; ++i) keys.push_back(rig.send(numbered(1, i)));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.bus.under_way.size(), 3U);
  for (uint32_t i = 0; i < 20; ++i) {
    ASSERT_FALSE(rig.bus.under_way.empty()) << "stalled before frame " << i;
    EXPECT_EQ(number_of(rig.bus.under_way.front().frame), i);
    rig.bus.complete();
    EXPECT_EQ(rig.result(keys[i]), kOk);
  }
  EXPECT_EQ(rig.bus.all.size(), 20U);
}

TEST_P(CanTx, FewerSlotsThanTheQueueHasEntriesAreEnough) {
  CanRig rig(options(2));
  ASSERT_EQ(rig.start(), kOk);
  std::vector<size_t> keys;
  for (uint32_t i = 0; i < 30; ++i) keys.push_back(rig.send(numbered(1, i)));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  while (!rig.bus.under_way.empty()) {
    EXPECT_LE(rig.bus.under_way.size(), 2U);
    rig.bus.complete();
  }
  for (const size_t key : keys) EXPECT_EQ(rig.result(key), kOk);
}

// Bad frames behind a full bus must be answered although no kick follows.
TEST_P(CanTx, BadFramesThatWaitedForTheBusAreAnswered) {
  CanRig rig(options(1));
  ASSERT_EQ(rig.start(), kOk);
  rig.send(numbered(1, 0));
  std::vector<size_t> bad;
  for (int i = 0; i < 30; ++i) bad.push_back(rig.send(from_hex("00")));
  const size_t last = rig.send(numbered(1, 1));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  rig.bus.complete();
  for (const size_t key : bad) EXPECT_EQ(rig.result(key), kNotOk);
  ASSERT_EQ(rig.bus.under_way.size(), 1U);
  rig.bus.complete();
  EXPECT_EQ(rig.result(last), kOk);
}

TEST_P(CanTx, ABusThatRefusesAnIdleDeviceDoesNotStallIt) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.room = 0;
  const size_t key = rig.send(numbered(1, 1));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.result(key), kNotOk);
  EXPECT_EQ(rejects(rig, can::Reject::kBus), 1U);
}

TEST_P(CanTx, ServesNoMoreThanItsBudget) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  for (uint32_t i = 0; i < 10; ++i) rig.send(numbered(1, i));
  EXPECT_TRUE(rig.process(VIRTIO_CAN_QUEUE_TX, 4));
  EXPECT_EQ(rig.bus.all.size(), 4U);
  EXPECT_TRUE(rig.process(VIRTIO_CAN_QUEUE_TX, 6));
  EXPECT_FALSE(rig.process(VIRTIO_CAN_QUEUE_TX, 1));
}

TEST_P(CanTx, TokensOfTheBusInAnyOrderAndTwiceDoNoHarm) {
  CanRig rig(options(4));
  ASSERT_EQ(rig.start(), kOk);
  std::vector<size_t> keys;
  for (uint32_t i = 0; i < 4; ++i) keys.push_back(rig.send(numbered(1, i)));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  const auto sent = rig.bus.under_way;
  rig.bus.under_way.clear();
  for (const size_t i : {2U, 0U, 2U, 3U, 1U, 0U}) rig.bus.listener->on_sent(sent[i].token, true);
  rig.bus.listener->on_sent(0xffffffff, true);
  for (const size_t key : keys) EXPECT_EQ(rig.result(key), kOk);
  EXPECT_EQ(rig.device.counters().tx, 4U);

  // All slots are free again, and an old token does not name a new frame.
  const size_t next = rig.send(numbered(1, 9));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  for (const auto& old : sent) rig.bus.listener->on_sent(old.token, true);
  EXPECT_EQ(rig.result(next), std::nullopt);
  rig.bus.complete();
  EXPECT_EQ(rig.result(next), kOk);
}

TEST_P(CanTx, ManyFramesInOrderThroughAFullRing) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.room = 5;
  uint32_t next = 0;
  uint32_t seen = 0;
  std::vector<size_t> keys;
  while (seen < 2000) {
    while (next < 2000 && next - seen < 32) keys.push_back(rig.send(numbered(1, next++)));
    rig.process(VIRTIO_CAN_QUEUE_TX);
    while (!rig.bus.under_way.empty()) rig.bus.complete();
    for (; seen < next && rig.result(keys[seen]); ++seen) {
      ASSERT_EQ(rig.result(keys[seen]), kOk);
    }
  }
  for (uint32_t i = 0; i < 2000; ++i) ASSERT_EQ(number_of(rig.bus.all[i]), i);
}

}  // namespace
}  // namespace stratos::test
