// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "can/can_rig.h"

namespace stratos::test {
namespace {

constexpr uint8_t kOk = VIRTIO_CAN_RESULT_OK;

can::Frame fd_frame(uint8_t length) {
  can::Frame frame{.id = 0x55, .fd = true, .length = length};
  frame.payload[0] = std::byte{1};
  return frame;
}

class CanRx : public testing::TestWithParam<bool> {
 protected:
  RigOptions options(size_t backlog = 256) {
    return {.device = {}, .backlog = backlog, .packed = GetParam()};
  }
};
INSTANTIATE_TEST_SUITE_P(Ring, CanRx, testing::Bool(),
                         [](const auto& row) { return row.param ? "Packed" : "Split"; });

TEST_P(CanRx, AFrameIsDeliveredAtOnce) {
  CanRig rig(options());
  rig.post_rx(4);
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.listener->on_frame(numbered(0x321, 5));
  EXPECT_EQ(rig.completions[VIRTIO_CAN_QUEUE_RX], 1);
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0], numbered(0x321, 5));
}

TEST_P(CanRx, WaitsInTheBacklogForBuffers) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  for (uint32_t i = 0; i < 10; ++i) rig.bus.listener->on_frame(numbered(1, i));
  EXPECT_EQ(rig.completions[VIRTIO_CAN_QUEUE_RX], 0) << "a notification without a used buffer";
  rig.post_rx(4);
  rig.process(VIRTIO_CAN_QUEUE_RX);
  // A frame that comes now must not overtake those that wait.
  rig.bus.listener->on_frame(numbered(1, 10));
  rig.post_rx(20);
  rig.process(VIRTIO_CAN_QUEUE_RX);
  rig.bus.listener->on_frame(numbered(1, 11));
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 12U);
  for (uint32_t i = 0; i < 12; ++i) EXPECT_EQ(number_of(frames[i]), i);
  EXPECT_EQ(rig.device.counters().rx_backlog_peak, 10U);
}

TEST_P(CanRx, AFullBacklogLosesTheNewestAndCounts) {
  CanRig rig(options(8));
  ASSERT_EQ(rig.start(), kOk);
  for (uint32_t i = 0; i < 11; ++i) rig.bus.listener->on_frame(numbered(1, i));
  rig.post_rx(16);
  rig.process(VIRTIO_CAN_QUEUE_RX);
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 8U);
  for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(number_of(frames[i]), i);
  EXPECT_EQ(rig.device.counters().rx_overrun, 3U);
}

// A bus that can wait loses nothing, however long the driver takes.
TEST_P(CanRx, HoldsTheBusWhileTheBacklogFillsAndReleasesItOnceItIsEmpty) {
  CanRig rig(options(8));
  ASSERT_EQ(rig.start(), kOk);
  uint32_t sent = 0;
  uint32_t got = 0;
  while (sent < 100) {
    while (!rig.bus.held) rig.bus.listener->on_frame(numbered(1, sent++));
    // What the bus had under way.
    for (int i = 0; i < 3; ++i) rig.bus.listener->on_frame(numbered(1, sent++));
    rig.post_rx(3);
    rig.process(VIRTIO_CAN_QUEUE_RX);
    EXPECT_TRUE(rig.bus.held) << "released while frames wait";
    rig.post_rx(2);
    rig.process(VIRTIO_CAN_QUEUE_RX);
    EXPECT_FALSE(rig.bus.held);
    for (const can::Frame& frame : rig.received_frames()) ASSERT_EQ(number_of(frame), got++);
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(rig.device.counters().rx_overrun, 0U);
  EXPECT_EQ(rig.device.counters().rx_backlog_peak, 4U);
  EXPECT_GT(rig.device.counters().rx_holds, 10U);
}

TEST_P(CanRx, AHoldEndsWithTheControllersStop) {
  CanRig rig(options(2));
  for (int round = 1; round <= 2; ++round) {
    ASSERT_EQ(rig.start(), kOk);
    rig.bus.listener->on_frame(numbered(1, 0));
    EXPECT_TRUE(rig.bus.held);
    EXPECT_EQ(rig.device.counters().rx_holds, static_cast<uint64_t>(round));
    ASSERT_EQ(rig.stop(), kOk);
    EXPECT_FALSE(rig.bus.held);
  }
}

TEST_P(CanRx, WorksWithoutABacklog) {
  CanRig rig(options(0));
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.listener->on_frame(numbered(1, 0));
  rig.post_rx(1);
  rig.process(VIRTIO_CAN_QUEUE_RX);
  rig.bus.listener->on_frame(numbered(1, 1));
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(number_of(frames[0]), 1U);
  EXPECT_EQ(rig.device.counters().rx_overrun, 1U);
}

// `cangen -g 0` against vhost-device-can (its issue 923): it took all buffers, used one
// and lost the others, so that the guest starved within seconds.
TEST_P(CanRx, AFloodNeverStarvesTheDriver) {
  CanRig rig(options(64));
  rig.post_rx(64);
  ASSERT_EQ(rig.start(), kOk);
  uint32_t sent = 0;
  uint32_t got = 0;
  for (int round = 0; round < 3000; ++round) {
    for (int i = 0; i < 7; ++i) rig.bus.listener->on_frame(numbered(1, sent++));
    rig.process(VIRTIO_CAN_QUEUE_RX);
    const auto frames = rig.received_frames();
    ASSERT_EQ(frames.size(), 7U) << "round " << round;
    for (const can::Frame& frame : frames) ASSERT_EQ(number_of(frame), got++);
    rig.post_rx(frames.size());
  }
  EXPECT_EQ(rig.device.counters().rx, 21000U);
}

TEST_P(CanRx, DrainsTheBacklogWithinItsBudget) {
  CanRig rig(options());
  ASSERT_EQ(rig.start(), kOk);
  for (uint32_t i = 0; i < 10; ++i) rig.bus.listener->on_frame(numbered(1, i));
  rig.post_rx(64);
  EXPECT_TRUE(rig.process(VIRTIO_CAN_QUEUE_RX, 4));
  EXPECT_EQ(rig.received().size(), 4U);
  EXPECT_FALSE(rig.process(VIRTIO_CAN_QUEUE_RX, 100));
  EXPECT_EQ(rig.received().size(), 6U);
}

TEST(CanRxTypes, OnlyWhatWasNegotiatedIsDelivered) {
  CanRig rig({.device = {}, .features = kClassic});
  rig.post_rx(8, 24);
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.listener->on_frame(fd_frame(8));
  rig.bus.listener->on_frame({.id = 1, .remote = true, .length = 2});
  rig.bus.listener->on_frame(numbered(1, 1));
  EXPECT_EQ(rig.received().size(), 1U);
  EXPECT_EQ(rig.device.counters().rx_unsupported, 2U);
}

TEST(CanRxTypes, RemoteFramesAreDelivered) {
  CanRig rig;
  rig.post_rx(8);
  ASSERT_EQ(rig.start(), kOk);
  const can::Frame remote{.id = 0x1abcdef, .extended = true, .remote = true, .length = 8};
  rig.bus.listener->on_frame(remote);
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0], remote);
}

TEST(CanRxBuffers, AClassicFrameFitsInTheBufferOfAClassicDriver) {
  CanRig rig({.device = {}, .features = kClassic});
  rig.post_rx(1, 24);
  ASSERT_EQ(rig.start(), kOk);
  can::Frame frame = numbered(1, 1);
  frame.length = 8;
  rig.bus.listener->on_frame(frame);
  ASSERT_EQ(rig.received_frames().size(), 1U);
}

// The frame is lost and the buffer is not: a shorter frame still finds it.
TEST(CanRxBuffers, AFrameThatDoesNotFitIsLostAndCounted) {
  CanRig rig;
  rig.post_rx(1, 24);
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.listener->on_frame(fd_frame(64));
  EXPECT_EQ(rig.device.counters().rx_too_small, 1U);
  EXPECT_EQ(rig.completions[VIRTIO_CAN_QUEUE_RX], 0);
  rig.bus.listener->on_frame(fd_frame(8));
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0], fd_frame(8));
  EXPECT_EQ(rig.resets, 0);
}

TEST(CanRxBuffers, ABufferWithoutRoomForAHeaderBreaksTheDevice) {
  CanRig rig;
  rig.post_rx(1, 15);
  ASSERT_EQ(rig.start(), kOk);
  can::BusListener* listener = rig.bus.listener;
  listener->on_frame(numbered(1, 1));
  EXPECT_EQ(rig.resets, 1);
  EXPECT_EQ(rig.bus.listener, nullptr);
  listener->on_frame(numbered(1, 2));
  EXPECT_EQ(rig.resets, 1);
}

TEST(CanRxStopped, NothingHeardBeforeAStopIsSeenAfterAStart) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  for (uint32_t i = 0; i < 5; ++i) rig.bus.listener->on_frame(numbered(1, i));
  ASSERT_EQ(rig.stop(), kOk);
  ASSERT_EQ(rig.start(), kOk);
  rig.post_rx(16);
  rig.process(VIRTIO_CAN_QUEUE_RX);
  rig.bus.listener->on_frame(numbered(1, 100));
  const auto frames = rig.received_frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(number_of(frames[0]), 100U);
  EXPECT_EQ(rig.device.counters().rx_discarded, 5U);
}

}  // namespace
}  // namespace stratos::test
