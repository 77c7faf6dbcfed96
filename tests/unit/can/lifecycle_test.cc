// SPDX-License-Identifier: Apache-2.0
// Reset, and what survives the process of the helper.

#include <gtest/gtest.h>

#include <span>

#include "can/can_rig.h"

namespace stratos::test {
namespace {

constexpr uint8_t kOk = VIRTIO_CAN_RESULT_OK;

Bytes saved(const can::CanDevice& device) {
  Bytes state(virtio::Device::kMaxState);
  state.resize(device.save(state));
  return state;
}

TEST(CanReset, ForgetsEverythingAndTouchesNothing) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  const size_t key = rig.send(numbered(1, 1));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  can::BusListener* listener = rig.bus.listener;
  const can::TxToken token = rig.bus.under_way.front().token;
  rig.device.stop();
  EXPECT_EQ(rig.bus.listener, nullptr);
  EXPECT_TRUE(rig.device.idle());
  // A bus that is late all the same must not reach a queue.
  listener->on_sent(token, true);
  listener->on_frame(numbered(1, 1));
  listener->on_bus_off();
  EXPECT_EQ(rig.result(key), std::nullopt);
  EXPECT_FALSE(rig.process(VIRTIO_CAN_QUEUE_TX, 10));

  rig.connect();
  EXPECT_FALSE(rig.device.bus_started());
  ASSERT_EQ(rig.start(), kOk);
  const size_t next = rig.send(numbered(1, 2));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  listener->on_sent(token, true);
  EXPECT_EQ(rig.result(next), std::nullopt) << "acknowledged by a frame from before the reset";
  rig.bus.complete();
  EXPECT_EQ(rig.result(next), kOk);
}

TEST(CanReset, EndsBusOff) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.go_bus_off();
  ASSERT_EQ(rig.status(), VIRTIO_CAN_S_CTRL_BUSOFF);
  rig.device.stop();
  rig.connect();
  EXPECT_EQ(rig.status(), 0);
}

TEST(CanReset, EndsABrokenDevice) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  rig.send(tx_message(numbered(1, 1)), 0);
  rig.process(VIRTIO_CAN_QUEUE_TX);
  ASSERT_EQ(rig.resets, 1);
  rig.device.stop();
  rig.connect();
  EXPECT_EQ(rig.start(), kOk);
}

TEST(CanReset, AQueueThatTheDriverBrokeBreaksTheDevice) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  // An avail index far ahead of the queue size.
  const auto& setup = rig.queue(VIRTIO_CAN_QUEUE_TX)->setup();
  rig.memory_at(setup.driver)[3] = std::byte{0x7f};
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.resets, 1);
  EXPECT_EQ(rig.bus.listener, nullptr);
}

TEST(CanRestore, AStartedControllerGoesOn) {
  CanRig before;
  ASSERT_EQ(before.start(), kOk);
  CanRig after;
  after.device.stop();
  ASSERT_TRUE(after.device.restore(saved(before.device)));
  EXPECT_EQ(saved(after.device), saved(before.device)) << "killed again before DRIVER_OK";
  after.connect();
  EXPECT_TRUE(after.device.bus_started());
  ASSERT_NE(after.bus.listener, nullptr);
  // What was in flight is popped again by the queue and simply sent.
  const size_t key = after.send(numbered(1, 1));
  after.process(VIRTIO_CAN_QUEUE_TX);
  after.bus.complete();
  EXPECT_EQ(after.result(key), kOk);
  EXPECT_EQ(after.config_changes, 0);
}

TEST(CanRestore, AStoppedControllerStaysStopped) {
  CanRig before;
  CanRig after;
  after.device.stop();
  ASSERT_TRUE(after.device.restore(saved(before.device)));
  after.connect();
  EXPECT_FALSE(after.device.bus_started());
  EXPECT_EQ(after.bus.listener, nullptr);
}

TEST(CanRestore, BusOffIsRemembered) {
  CanRig before;
  ASSERT_EQ(before.start(), kOk);
  before.bus.go_bus_off();
  CanRig after;
  after.device.stop();
  ASSERT_TRUE(after.device.restore(saved(before.device)));
  after.connect();
  EXPECT_EQ(after.status(), VIRTIO_CAN_S_CTRL_BUSOFF);
  EXPECT_FALSE(after.device.bus_started());
}

TEST(CanRestore, ABusThatIsGoneMeanwhileIsBusOff) {
  CanRig before;
  ASSERT_EQ(before.start(), kOk);
  CanRig after;
  after.device.stop();
  ASSERT_TRUE(after.device.restore(saved(before.device)));
  after.bus.usable = false;
  after.connect();
  EXPECT_EQ(after.status(), VIRTIO_CAN_S_CTRL_BUSOFF);
  EXPECT_EQ(after.config_changes, 1);
}

TEST(CanRestore, NonsenseIsRefused) {
  CanRig rig;
  rig.device.stop();
  EXPECT_TRUE(rig.device.restore({}));
  for (const char* state : {"01", "0001", "0201", "0103", "0104", "01ff", "010100"}) {
    EXPECT_FALSE(rig.device.restore(from_hex(state))) << state;
  }
  rig.connect();
  EXPECT_FALSE(rig.device.bus_started());
}

TEST(CanRestore, TheStateFitsWhereItHasTo) {
  CanRig rig;
  std::array<std::byte, 1> small{};
  EXPECT_EQ(rig.device.save(small), 0U);
  EXPECT_LE(saved(rig.device).size(), virtio::Device::kMaxState);
}

}  // namespace
}  // namespace stratos::test
