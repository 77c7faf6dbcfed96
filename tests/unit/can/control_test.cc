// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "can/can_rig.h"

namespace stratos::test {
namespace {

constexpr uint8_t kOk = VIRTIO_CAN_RESULT_OK;
constexpr uint8_t kNotOk = VIRTIO_CAN_RESULT_NOT_OK;

TEST(CanControl, StartsAndStopsAnyNumberOfTimes) {
  CanRig rig;
  EXPECT_FALSE(rig.device.bus_started());
  EXPECT_EQ(rig.stop(), kOk);
  EXPECT_EQ(rig.start(), kOk);
  EXPECT_EQ(rig.start(), kOk);
  EXPECT_EQ(rig.bus.starts, 1);
  EXPECT_TRUE(rig.device.bus_started());
  EXPECT_EQ(rig.stop(), kOk);
  EXPECT_EQ(rig.stop(), kOk);
  EXPECT_EQ(rig.bus.listener, nullptr);
  EXPECT_EQ(rig.start(), kOk);
  EXPECT_EQ(rig.bus.starts, 2);
  EXPECT_EQ(rig.config_changes, 0);
}

TEST(CanControl, AnUnusableBusIsNotStarted) {
  CanRig rig;
  rig.bus.usable = false;
  EXPECT_EQ(rig.start(), kNotOk);
  EXPECT_FALSE(rig.device.bus_started());
  rig.bus.usable = true;
  EXPECT_EQ(rig.start(), kOk);
}

TEST(CanControl, BadRequestsAreRefused) {
  CanRig rig;
  for (const char* request : {"", "01", "0000", "0302", "0002", "0100", "ffff", "0201"}) {
    EXPECT_EQ(rig.control(from_hex(request)), kNotOk) << request;
  }
  EXPECT_FALSE(rig.device.bus_started());
  EXPECT_EQ(rig.device.counters().control_rejected, 8U);
  EXPECT_EQ(rig.resets, 0);
  EXPECT_EQ(rig.control(from_hex("0102 ffffffff")), kOk) << "a longer request is understood";
}

TEST(CanControl, ARequestWithoutRoomForAResultBreaksTheDevice) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  EXPECT_EQ(rig.control(from_hex("0202"), 0), std::nullopt);
  EXPECT_EQ(rig.resets, 1);
}

TEST(CanControl, StopFailsWhatIsPending) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.room = 4;
  std::vector<size_t> keys;
  for (uint32_t i = 0; i < 10; ++i) keys.push_back(rig.send(numbered(1, i)));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  rig.bus.complete();
  ASSERT_EQ(rig.stop(), kOk);
  EXPECT_GE(rig.completions[VIRTIO_CAN_QUEUE_TX], 1);
  // Also those that the device had not taken yet: no kick would come for them.
  EXPECT_EQ(rig.result(keys[0]), kOk);
  for (size_t i = 1; i < keys.size(); ++i) EXPECT_EQ(rig.result(keys[i]), kNotOk) << i;
  EXPECT_EQ(rig.device.counters().tx_cancelled, 4U);
}

TEST(CanControl, BusOffFailsWhatIsPendingAndTellsTheDriver) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  EXPECT_EQ(rig.status(), 0);
  rig.bus.room = 4;
  std::vector<size_t> keys;
  for (uint32_t i = 0; i < 10; ++i) keys.push_back(rig.send(numbered(1, i)));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  rig.bus.go_bus_off();
  for (const size_t key : keys) EXPECT_EQ(rig.result(key), kNotOk);
  EXPECT_EQ(rig.status(), VIRTIO_CAN_S_CTRL_BUSOFF);
  EXPECT_EQ(rig.config_changes, 1);
  EXPECT_FALSE(rig.device.bus_started());

  const size_t late = rig.send(numbered(1, 99));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  EXPECT_EQ(rig.result(late), kNotOk);
}

TEST(CanControl, OnlyASuccessfulStartEndsBusOff) {
  CanRig rig;
  ASSERT_EQ(rig.start(), kOk);
  rig.bus.go_bus_off();
  EXPECT_EQ(rig.stop(), kOk);
  EXPECT_EQ(rig.status(), VIRTIO_CAN_S_CTRL_BUSOFF);
  rig.bus.usable = false;
  EXPECT_EQ(rig.start(), kNotOk);
  EXPECT_EQ(rig.status(), VIRTIO_CAN_S_CTRL_BUSOFF);
  rig.bus.usable = true;
  rig.bus.room = 4;
  EXPECT_EQ(rig.start(), kOk);
  EXPECT_EQ(rig.status(), 0);
  const size_t key = rig.send(numbered(1, 1));
  rig.process(VIRTIO_CAN_QUEUE_TX);
  rig.bus.complete();
  EXPECT_EQ(rig.result(key), kOk);
}

TEST(CanControl, RequestsAreServedWithinTheBudget) {
  CanRig rig({.device = {.control_queue_size = 2}});
  EXPECT_EQ(rig.start(), kOk);
  EXPECT_FALSE(rig.process(VIRTIO_CAN_QUEUE_CONTROL, 1));
  EXPECT_FALSE(rig.process(17, 1)) << "a queue that does not exist";
}

struct OfferCase {
  const char* name;
  can::Bus::Capabilities bus;
  can::CanDevice::Options options;
  uint64_t expected;
};

class CanOffer : public testing::TestWithParam<OfferCase> {};

TEST_P(CanOffer, Table) {
  FakeBus bus;
  bus.capable = GetParam().bus;
  can::StaticStorage<1, 1> storage;
  can::CanDevice device(bus, GetParam().options, storage);
  EXPECT_EQ(device.features(), GetParam().expected);
}

const OfferCase kOffers[] = {
    {"Everything", {.fd = true, .remote = true}, {}, kAll},
    {"ClassicBus", {.fd = false, .remote = true}, {}, kAll & ~kFd},
    {"BusWithoutRemote", {.fd = true, .remote = false}, {}, kAll & ~kRemote},
    {"ConfiguredWithoutFd", {.fd = true, .remote = true}, {.fd = false}, kAll & ~kFd},
    {"NoRemoteWithoutClassic", {.fd = true, .remote = true}, {.classic = false}, kFd | kLateTxAck},
    {"Least", {.fd = false, .remote = false}, {.late_tx_ack = false}, kClassic},
};
INSTANTIATE_TEST_SUITE_P(Cases, CanOffer, testing::ValuesIn(kOffers),
                         [](const auto& row) { return row.param.name; });

TEST(CanFeatures, AcceptsWhatTheTextAllows) {
  FakeBus bus;
  bus.capable = {.fd = true, .remote = true};
  can::StaticStorage<1, 1> storage;
  can::CanDevice device(bus, {.late_tx_ack = false}, storage);
  EXPECT_TRUE(device.accept(kClassic));
  EXPECT_TRUE(device.accept(kFd));
  EXPECT_TRUE(device.accept(kClassic | kFd | kRemote));
  EXPECT_TRUE(device.accept(kClassic | uint64_t{1} << 32)) << "the transport's bits are not ours";
  EXPECT_FALSE(device.accept(0)) << "neither classic nor FD";
  EXPECT_FALSE(device.accept(kFd | kRemote)) << "remote frames need classic ones";
  EXPECT_FALSE(device.accept(kClassic | kLateTxAck)) << "not on offer";
}

TEST(CanConfig, IsTwoBytesAndReadOnly) {
  CanRig rig;
  EXPECT_EQ(rig.device.type().config_size, 2U);
  EXPECT_EQ(rig.device.type().device_id, 36U);
  EXPECT_FALSE(rig.device.write_config(0, from_hex("0100")));
  std::array<std::byte, 4> bytes{};
  bytes.fill(std::byte{0xee});
  rig.device.read_config(1, bytes);
  EXPECT_EQ(bytes[0], std::byte{0});
  EXPECT_EQ(bytes[1], std::byte{0xee});
  rig.device.read_config(0xffffffff, bytes);
  EXPECT_EQ(bytes[1], std::byte{0xee});
}

}  // namespace
}  // namespace stratos::test
