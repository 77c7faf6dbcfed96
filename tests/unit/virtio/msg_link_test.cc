// SPDX-License-Identifier: Apache-2.0
// A whole link: a driver side and a device side in one process.

#include "virtio/msg_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virtio/link_rig.h"

namespace stratos::test {
namespace {

using namespace virtio;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

class MsgLinkTest : public testing::Test {
 protected:
  void run() {
    rig_.start_link();
    ASSERT_TRUE(rig_.driver().connect());
  }
  // The next event of this kind, others are thrown away.
  template <typename Payload>
  std::optional<Payload> next_event(uint8_t id) {
    rig_.settle();
    while (auto event = rig_.driver().take_event()) {
      if (event->header.id != id) continue;
      last_ = std::move(*event);
      return decode<Payload>(last_.payload, rig_.driver().wire_layout());
    }
    return std::nullopt;
  }
  std::optional<uint32_t> device_event(uint16_t state) {
    const auto event = next_event<DeviceEvent>(VIRTIO_MSG_BUS_EVENT_DEVICE);
    if (!event || event->state != state) return std::nullopt;
    return event->device;
  }
  LinkRig rig_;
  DriverEvent last_;
};

TEST_F(MsgLinkTest, DriverFindsDevicesAndTalksToBoth) {
  run();
  EXPECT_THAT(rig_.driver().enumerate(), Optional(ElementsAre(1, 2)));
  const auto one = rig_.set_up(1);
  const auto two = rig_.set_up(2);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->info.device_id, EchoDevice::kDeviceId);
  EXPECT_EQ(one->info.config_size, 8U);
  EXPECT_EQ(one->info.max_queues, 2U);
  EXPECT_EQ(rig_.echo(*one, "hello"), "hello");
  EXPECT_EQ(rig_.echo(*two, "world"), "world");
  EXPECT_EQ(rig_.device(1).answered(), 1U);
  EXPECT_EQ(rig_.device(2).answered(), 1U);
}

TEST_F(MsgLinkTest, ServesEveryKindOfQueue) {
  run();
  for (const uint64_t features :
       {uint64_t{0}, kFeatureEventIdx, kFeatureRingPacked, kFeatureRingPacked | kFeatureEventIdx}) {
    const auto device = rig_.set_up(1, features);
    ASSERT_TRUE(device) << features;
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(rig_.echo(*device, std::to_string(i)), std::to_string(i)) << features;
    }
  }
}

TEST_F(MsgLinkTest, OffersWhatEveryLinkNeeds) {
  run();
  EXPECT_THAT(rig_.driver().features(1),
              Optional(kFeatureVersion1 | kFeatureAccessPlatform | kFeatureOrderPlatform |
                       kFeatureEventIdx | kFeatureRingPacked | EchoDevice::kSomeFeature |
                       EchoDevice::kRefusedFeature));
}

TEST_F(MsgLinkTest, SpeaksL1IfToldTo) {
  rig_.options().layout = WireLayout::kL1;
  run();
  ASSERT_TRUE(rig_.driver().info(1));
  EXPECT_EQ(rig_.driver().wire_layout(), WireLayout::kL1);
  EXPECT_THAT(rig_.driver().enumerate(), Optional(ElementsAre(1, 2)));
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  EXPECT_EQ(rig_.echo(*device, "old"), "old");
}

TEST_F(MsgLinkTest, GivesEachDeviceItsOwnPartOfThePool) {
  run();
  const auto one = rig_.driver().memory(1);
  const auto two = rig_.driver().memory(2);
  ASSERT_TRUE(one && two);
  const Extent& pool = rig_.link().layout().pool;
  const Extent first{one->address, one->length};
  const Extent second{two->address, two->length};
  EXPECT_FALSE(first.overlaps(second));
  for (const Extent& extent : {first, second}) {
    EXPECT_EQ(extent.size, LinkRig::kDeviceMemory);
    EXPECT_EQ(extent.offset % kPageSize, 0U);
    EXPECT_GE(extent.offset, pool.offset);
    EXPECT_LE(extent.end(), pool.end());
  }
  const auto other = rig_.driver().call<ShmInfo>(VIRTIO_MSG_GET_SHM, 1, GetShm{7});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->length, 0U);
}

TEST_F(MsgLinkTest, AnswersPing) {
  run();
  const auto pong = rig_.driver().call<Ping>(VIRTIO_MSG_BUS_PING, 0, Ping{0x1234}, true);
  ASSERT_TRUE(pong);
  EXPECT_EQ(pong->data, 0x1234U);
}

TEST_F(MsgLinkTest, EnumeratesByWindow) {
  rig_.start_link({0, 9, 17, 61});
  ASSERT_TRUE(rig_.driver().connect());
  const auto window = [&](uint16_t offset, uint16_t count) {
    return rig_.driver().call<DeviceWindow>(VIRTIO_MSG_BUS_GET_DEVICES, 0,
                                            GetDevices{offset, count}, true);
  };
  auto answer = window(8, 8);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->bitmap, ElementsAre(std::byte{2}));
  EXPECT_EQ(answer->next_offset, 16);
  answer = window(16, 48);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->next_offset, 0);
  EXPECT_EQ(answer->count, 48);
  answer = window(4096, 512);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->count, 0);
  EXPECT_THAT(rig_.driver().enumerate(), Optional(ElementsAre(0, 9, 17, 61)));
}

TEST_F(MsgLinkTest, ConfigurationIsReadWrittenAndAnnounced) {
  run();
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  const std::array bytes{std::byte{0xaa}, std::byte{0xbb}};
  auto& driver = rig_.driver();
  auto written = driver.call<ConfigData>(VIRTIO_MSG_SET_CONFIG, 1, ConfigData{0, 4, bytes});
  ASSERT_TRUE(written);
  EXPECT_EQ(written->data.size(), 2U);
  written = driver.call<ConfigData>(VIRTIO_MSG_SET_CONFIG, 1, ConfigData{0, 0, bytes});
  ASSERT_TRUE(written);
  EXPECT_THAT(written->data, IsEmpty()) << "byte 0 is read-only";

  rig_.device(1).set_config(7);
  const auto event = next_event<ConfigEvent>(VIRTIO_MSG_EVENT_CONFIG);
  ASSERT_TRUE(event);
  EXPECT_EQ(last_.header.device, 1);
  EXPECT_EQ(event->status, rig_.link().instance(1)->status());
  ASSERT_EQ(event->data.size(), 8U);
  EXPECT_EQ(event->data[0], std::byte{7});
  EXPECT_EQ(event->data[4], std::byte{0xaa});

  auto config = driver.call<ConfigData>(VIRTIO_MSG_GET_CONFIG, 1, GetConfig{0, 8});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->data.size(), 8U);
  EXPECT_EQ(config->generation, event->generation);
  written = driver.call<ConfigData>(VIRTIO_MSG_SET_CONFIG, 1,
                                    ConfigData{event->generation - 1, 4, bytes});
  ASSERT_TRUE(written);
  EXPECT_THAT(written->data, IsEmpty()) << "written for an older generation";
  config = driver.call<ConfigData>(VIRTIO_MSG_GET_CONFIG, 1, GetConfig{4, 5});
  ASSERT_TRUE(config);
  EXPECT_THAT(config->data, IsEmpty()) << "beyond the end";
}

TEST_F(MsgLinkTest, ResetWaitsForABusyDevice) {
  run();
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  rig_.device(1).set_idle(false);
  const auto status = rig_.driver().set_status(1, 0);
  EXPECT_EQ(status, rig_.driver().status(1));
  EXPECT_NE(status, 0U) << "an operation still touches the memory";
  EXPECT_EQ(rig_.device(1).stops(), 1) << "but the device hears of it at once";
  rig_.device(1).set_idle(true);
  EXPECT_EQ(rig_.driver().status(1), 0U);
  const auto again = rig_.set_up(1);
  ASSERT_TRUE(again);
  EXPECT_EQ(rig_.echo(*again, "again"), "again");
}

TEST_F(MsgLinkTest, HotPlugIsAnnounced) {
  run();
  ASSERT_TRUE(rig_.add_device(5));
  EXPECT_EQ(device_event(VIRTIO_MSG_DEVICE_READY), 5U);
  const auto device = rig_.set_up(5);
  ASSERT_TRUE(device);
  EXPECT_EQ(rig_.echo(*device, "new"), "new");

  rig_.link().remove_device(5);
  EXPECT_EQ(rig_.device(5).stops(), 1);
  EXPECT_EQ(device_event(VIRTIO_MSG_DEVICE_REMOVED), 5U);
  EXPECT_EQ(rig_.driver().status(5), std::nullopt) << "nobody answers for it";
  EXPECT_EQ(rig_.link().instance(5), nullptr);
}

TEST_F(MsgLinkTest, BusyDeviceCanBeRemovedDuringItsReset) {
  run();
  const auto two = rig_.set_up(2);
  ASSERT_TRUE(rig_.set_up(1) && two);
  rig_.device(1).set_idle(false);
  ASSERT_NE(rig_.driver().set_status(1, 0), 0U);
  rig_.link().remove_device(1);
  EXPECT_EQ(device_event(VIRTIO_MSG_DEVICE_REMOVED), 1U);
  EXPECT_EQ(rig_.echo(*two, "goes on"), "goes on");
}

TEST_F(MsgLinkTest, RemovedBeforeItWasAnnouncedIsNotAnnounced) {
  run();
  rig_.settle();
  ASSERT_TRUE(rig_.add_device(5));
  rig_.link().remove_device(5);
  EXPECT_EQ(device_event(VIRTIO_MSG_DEVICE_READY), std::nullopt);
}

TEST_F(MsgLinkTest, RefusesDevicesThatDoNotFit) {
  run();
  EchoDevice device;
  EXPECT_EQ(rig_.link().add_device(1, device, 4096).error(), LinkError::kNumber);
  EXPECT_EQ(rig_.link().add_device(kMaxDevices, device, 4096).error(), LinkError::kNumber);
  EXPECT_EQ(rig_.link().add_device(3, device, LinkRig::kRegionSize).error(), LinkError::kNoMemory);
  EXPECT_EQ(rig_.link().add_device(3, device, UINT64_MAX).error(), LinkError::kNoMemory);
  EXPECT_EQ(rig_.link().add_device(3, device, 0).error(), LinkError::kNoMemory);
}

TEST_F(MsgLinkTest, FillsThePrivateAreaAndNoMore) {
  rig_.start_link({});
  uint16_t number = 0;
  EchoDevice device;
  std::expected<void, LinkError> result;
  while ((result = rig_.link().add_device(number, device, 4096))) ++number;
  EXPECT_EQ(result.error(), LinkError::kNoPrivateMemory);
  EXPECT_GT(number, 20);
}

TEST_F(MsgLinkTest, DriverRestartResetsEverything) {
  run();
  const auto old = rig_.set_up(1);
  ASSERT_TRUE(old);
  const uint32_t epoch = rig_.link().epoch();
  rig_.device(1).hold(true);
  ASSERT_TRUE(rig_.submit(*old, "lost"));
  rig_.settle();

  rig_.restart_driver();
  ASSERT_TRUE(rig_.driver().connect());
  EXPECT_NE(rig_.link().epoch(), epoch);
  EXPECT_EQ(rig_.device(1).stops(), 1);
  EXPECT_EQ(rig_.driver().status(1), 0U);
  rig_.device(1).hold(false);
  const auto fresh = rig_.set_up(1);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(rig_.echo(*fresh, "back"), "back");
  EXPECT_EQ(rig_.link().counters().peer_restarts, 1U);
}

TEST_F(MsgLinkTest, DeadDriverIsNoticedAndMayComeBack) {
  run();
  ASSERT_TRUE(rig_.set_up(1));
  rig_.settle();
  rig_.pass(4'000 * LinkRig::kMillisecond);
  rig_.turn();
  EXPECT_EQ(rig_.link().status(), LinkStatus::kRun);
  rig_.pass(1'500 * LinkRig::kMillisecond);
  rig_.turn();
  EXPECT_EQ(rig_.link().status(), LinkStatus::kPeerDead);
  EXPECT_EQ(rig_.link().counters().peer_deaths, 1U);
  EXPECT_EQ(rig_.device(1).stops(), 1);

  ASSERT_TRUE(rig_.driver().connect()) << "it was only slow";
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  EXPECT_EQ(rig_.echo(*device, "alive"), "alive");
}

TEST_F(MsgLinkTest, LeavingDriverBreaksItsDevices) {
  run();
  ASSERT_TRUE(rig_.set_up(1));
  rig_.driver().leave();
  rig_.turn();
  EXPECT_EQ(rig_.link().status(), LinkStatus::kPeerDead);
  EXPECT_EQ(rig_.device(1).stops(), 1);
  rig_.restart_driver();
  EXPECT_TRUE(rig_.driver().connect());
}

TEST_F(MsgLinkTest, LeavingDeviceSideIsSeen) {
  run();
  ASSERT_TRUE(rig_.set_up(1));
  const int rings = rig_.doorbell().rings;
  rig_.link().shut_down();
  EXPECT_EQ(rig_.doorbell().rings, rings + 1);
  EXPECT_EQ(rig_.device(1).stops(), 1);
  rig_.driver().poll();
  EXPECT_EQ(rig_.driver().status(), LinkStatus::kPeerDead);
}

TEST_F(MsgLinkTest, HeartbeatBeatsAtLeastOnceASecond) {
  run();
  Time last = 0;
  uint32_t beats = 0;
  uint32_t value = rig_.driver().endpoint().peer_heartbeat();
  for (int i = 0; i < 20; ++i) {
    const Time deadline = rig_.link().next_deadline(rig_.now());
    ASSERT_GE(deadline, rig_.now());
    rig_.pass(deadline - rig_.now());
    rig_.turn();
    rig_.driver().poll();
    if (rig_.driver().endpoint().peer_heartbeat() == value) continue;
    value = rig_.driver().endpoint().peer_heartbeat();
    if (++beats > 1) {
      EXPECT_LE(rig_.now() - last, 1'000 * LinkRig::kMillisecond);
    }
    last = rig_.now();
  }
  EXPECT_GE(beats, 10U);
}

TEST_F(MsgLinkTest, RingsOnlyASleepingDriverAndOnlyOnce) {
  run();
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  rig_.settle();
  device->queues[0]->enable_notifications();
  rig_.driver().poll();
  const int awake = rig_.doorbell().rings;
  ASSERT_TRUE(rig_.submit(*device, "awake"));
  rig_.turn();
  EXPECT_EQ(rig_.doorbell().rings, awake);

  rig_.driver().poll();
  EXPECT_TRUE(rig_.driver().take_used(1, 0));
  while (auto used = device->queues[0]->get_used()) rig_.take_answer(*device, *used);
  device->queues[0]->enable_notifications();
  ASSERT_TRUE(rig_.driver().prepare_sleep());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(rig_.submit(*device, "asleep"));
  rig_.device(1).set_config(1);
  rig_.turn();
  EXPECT_EQ(rig_.doorbell().rings, awake + 1) << "one ring for answers and event together";
  EXPECT_EQ(rig_.doorbell().last, 2U << 16);
}

TEST_F(MsgLinkTest, SleepIsRefusedWhenWorkShowsUp) {
  run();
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  rig_.settle();
  const int rings = rig_.driver_rings();
  ASSERT_TRUE(rig_.link().prepare_sleep());
  ASSERT_TRUE(rig_.submit(*device, "wake up"));
  EXPECT_EQ(rig_.driver_rings(), rings + 1) << "the driver rings who sleeps";
  rig_.turn();
  ASSERT_TRUE(rig_.submit(*device, "more"));
  EXPECT_EQ(rig_.driver_rings(), rings + 1) << "and nobody else";
  EXPECT_FALSE(rig_.link().prepare_sleep());
}

TEST_F(MsgLinkTest, CountsWhatHappens) {
  run();
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(rig_.echo(*device, "x"), "x");
  const Instance* instance = rig_.link().instance(1);
  const QueueCounters counters = instance->queue_counters(0);
  EXPECT_EQ(counters.chains, 10U);
  EXPECT_EQ(counters.used, 10U);
  EXPECT_EQ(counters.kicks, 10U);
  EXPECT_EQ(counters.notifications_sent + counters.notifications_suppressed, 10U);
  EXPECT_EQ(instance->counters().starts, 1U);
  EXPECT_EQ(instance->counters().needs_reset, 0U);
  EXPECT_GT(rig_.link().counters().messages_received, 5U);
  EXPECT_EQ(rig_.link().counters().messages_malformed, 0U);
}

TEST_F(MsgLinkTest, DriverThatDoesNotDrainItsMessagesStallsOnlyItself) {
  run();
  const auto two = rig_.set_up(2);
  ASSERT_TRUE(two);
  // Pings whose answers nobody takes, more than there are slots.
  std::array<std::byte, 64> message{};
  size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    const size_t size = encode(message, {.bus = true, .id = VIRTIO_MSG_BUS_PING, .token = 9},
                               Ping{1}, WireLayout::kL2);
    if (rig_.driver().send_raw(std::span(message).first(size))) ++sent;
    rig_.turn();
  }
  EXPECT_LT(sent, 100U);
  EXPECT_GT(rig_.link().counters().send_stalls, 0U);
  EXPECT_TRUE(rig_.link().prepare_sleep()) << "it waits, and does not spin";
  EXPECT_LE(rig_.link().next_deadline(rig_.now()), rig_.now() + 10 * LinkRig::kMillisecond);
  EXPECT_EQ(rig_.echo(*two, "data still flows"), "data still flows");
  rig_.settle();
  EXPECT_TRUE(rig_.driver().call<Ping>(VIRTIO_MSG_BUS_PING, 0, Ping{5}, true));
}

// Buffers lie in the queue until the device has something to say, with nobody spinning;
// and when it has run out of them, the next one makes the driver kick.
TEST_F(MsgLinkTest, DeviceThatWaitsForBuffersGetsThem) {
  run();
  for (const uint64_t features :
       {uint64_t{0}, kFeatureEventIdx, kFeatureRingPacked, kFeatureRingPacked | kFeatureEventIdx}) {
    const auto device = rig_.set_up(1, features);
    ASSERT_TRUE(device);
    DriverQueue& queue = *device->queues[1];
    const auto post = [&] {
      const Buffer in{device->memory->allocate(8), 8};
      ASSERT_TRUE(queue.add({}, std::span(&in, 1)));
      queue.publish();
      if (queue.kick_needed()) rig_.driver().kick(1, 1);
    };
    for (uint8_t round = 0; round < 100; ++round) {
      post();
      post();
      rig_.settle();
      for (uint8_t i = 0; i < 3; ++i) rig_.device(1).emit(i);
      rig_.settle();
      ASSERT_EQ(rig_.device(1).unsent(), 1U);
      post();
      rig_.settle();
      ASSERT_EQ(rig_.device(1).unsent(), 0U) << "features " << features << " round " << int{round};
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue.get_used());
      ASSERT_FALSE(queue.get_used());
    }
  }
}

TEST_F(MsgLinkTest, AvailEventIsUnderstoodAsAKick) {
  run();
  const auto device = rig_.set_up(1);
  ASSERT_TRUE(device);
  rig_.settle();
  // Makes a request available, without the bit.
  rig_.driver().endpoint().commit();
  const Buffer out{device->memory->allocate(8), 8};
  const Buffer in{device->memory->allocate(8), 8};
  device->queues[0]->add(std::span(&out, 1), std::span(&in, 1));
  device->queues[0]->publish();
  std::array<std::byte, 64> message{};
  const size_t size = encode(message, {.id = VIRTIO_MSG_EVENT_AVAIL, .device = 1}, AvailEvent{0, 0},
                             WireLayout::kL2);
  ASSERT_TRUE(rig_.driver().send_raw(std::span(message).first(size)));
  rig_.turn();
  EXPECT_TRUE(device->queues[0]->get_used());
}

TEST(MsgLinkNotifications, QueuesMayShareABit) {
  LinkRig rig({.region_size = LinkRig::kRegionSize, .num_notif = 1, .vq_notif = 1});
  rig.start_link({1, 2});
  ASSERT_TRUE(rig.driver().connect());
  const auto device = rig.set_up(1);
  ASSERT_TRUE(device);
  EXPECT_EQ(rig.echo(*device, "shared"), "shared");
  rig.device(1).emit(1);
  rig.settle();
  const Buffer in{device->memory->allocate(8), 8};
  ASSERT_TRUE(device->queues[1]->add({}, std::span(&in, 1)));
  device->queues[1]->publish();
  ASSERT_TRUE(device->queues[1]->kick_needed());
  rig.driver().kick(1, 1);
  rig.settle();
  EXPECT_TRUE(device->queues[1]->get_used());
}

TEST(MsgLinkAttach, RefusesMemoryThatIsNotARegion) {
  DriverMemory memory(1 << 20);
  CountingDoorbell doorbell;
  RecordingObserver observer;
  const auto link = std::make_unique<MsgLink>();
  EXPECT_EQ(link->attach(memory.bytes(), doorbell, observer, {}).error(), LinkError::kLayout);
  auto layout = *plan_layout({.region_size = 1 << 20, .private_size = 4096});
  write_layout(memory.bytes(), layout);
  EXPECT_EQ(link->attach(memory.bytes(), doorbell, observer, {}).error(),
            LinkError::kPrivateTooSmall);
  layout.extended = false;
  write_layout(memory.bytes(), layout);
  EXPECT_EQ(link->attach(memory.bytes(), doorbell, observer, {}).error(), LinkError::kNoExtension);
}

}  // namespace
}  // namespace stratos::test
