// SPDX-License-Identifier: Apache-2.0
// Drivers that break the rules. Each breaks at most its own device: the other one, on
// the same link, goes on, and the device side neither crashes nor spins.

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "split_driver_queue.h"
#include "virtio/endian.h"
#include "virtio/link_rig.h"

namespace stratos::test {
namespace {

using namespace virtio;

constexpr uint16_t kVictim = 1;
constexpr uint16_t kNeighbour = 2;
constexpr uint32_t kAgreed = kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk;

// What the device side does about it.
enum class Outcome {
  kMessageDropped,
  kNotificationDropped,
  kNeedsReset,
  kRefused,  // answered, and nothing changed
};

struct Attack {
  const char* name;
  Outcome outcome;
  std::function<void(LinkRig&, DriverDevice&)> run;
};

void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

// ---- Ways to attack ----

// A message with this payload, and if given with a wrong size.
auto message(MessageHeader header, std::initializer_list<uint32_t> words,
             std::optional<uint16_t> size = std::nullopt) {
  return [header, list = std::vector(words), size](LinkRig& rig, DriverDevice&) {
    std::array<std::byte, 128> bytes{};
    size_t at = kMessageHeaderSize;
    for (const uint32_t word : list) {
      store_le(&bytes[at], word);
      at += sizeof(word);
    }
    MessageHeader complete = header;
    complete.size = size.value_or(static_cast<uint16_t>(at));
    encode_header(bytes, complete);
    ASSERT_TRUE(rig.driver().send_raw(std::span(bytes).first(at)));
    rig.turn();
  };
}

// The device up to FEATURES_OK, and then this SET_VQUEUE.
auto set_queue(uint32_t index, std::function<void(SetQueue&, const DriverDevice&)> change) {
  return [=](LinkRig& rig, DriverDevice& device) {
    MsgDriver& driver = rig.driver();
    ASSERT_TRUE(driver.reset(kVictim));
    driver.set_status(kVictim, kStatusAcknowledge);
    driver.set_status(kVictim, kStatusAcknowledge | kStatusDriver);
    driver.set_features(kVictim, device.features);
    ASSERT_EQ(driver.set_status(kVictim, kAgreed), kAgreed);
    const QueueSetup& good = device.queues[0]->setup();
    SetQueue bad{.index = index,
                 .size = good.size,
                 .desc = good.desc,
                 .driver = good.driver,
                 .device = good.device};
    change(bad, device);
    EXPECT_TRUE(driver.call<NoPayload>(VIRTIO_MSG_SET_VQUEUE, kVictim, bad));
    if (index >= device.queues.size()) return;
    const auto info = driver.call<QueueInfo>(VIRTIO_MSG_GET_VQUEUE, kVictim, QueueIndex{index});
    ASSERT_TRUE(info);
    EXPECT_FALSE(info->enabled);
  };
}

// A ring that was tampered with, and a kick.
auto ring(std::function<void(SplitDriverQueue&, DriverDevice&)> tamper) {
  return [=](LinkRig& rig, DriverDevice& device) {
    tamper(dynamic_cast<SplitDriverQueue&>(*device.queues[0]), device);
    rig.driver().kick(kVictim, 0);
    rig.settle();
  };
}

auto descriptor(Descriptor bad) {
  return ring([bad](SplitDriverQueue& queue, DriverDevice& device) {
    Descriptor complete = bad;
    if (complete.address == 0) complete.address = device.memory->allocate(4096);
    queue.poke(0, complete);
    queue.offer(0);
    queue.publish();
  });
}

auto bit(uint32_t number) {
  return [number](LinkRig& rig, DriverDevice&) {
    rig.driver().endpoint().notify(number);
    rig.driver().endpoint().commit();
    rig.turn();
  };
}

SharedWord16 driver_head(LinkRig& rig, uint64_t field) {
  return SharedWord16(rig.region().data() + rig.driver().layout().driver.head.offset + field);
}

auto bad_index(uint16_t tail) {
  return [tail](LinkRig& rig, DriverDevice&) {
    const SharedWord16 word = driver_head(rig, offsetof(virtio_msg_amp_head, tail));
    const uint16_t good = word.load();
    word.store(tail);
    rig.driver().endpoint().notify(MsgEndpoint::kMessageBit);
    rig.driver().endpoint().commit();
    rig.turn();
    EXPECT_TRUE(rig.link().prepare_sleep()) << "it must not spin";
    word.store(good);
  };
}

MessageHeader to_victim(uint8_t id) { return {.id = id, .device = kVictim, .token = 77}; }
MessageHeader to_bus(uint8_t id) { return {.bus = true, .id = id, .token = 77}; }

std::vector<Attack> message_attacks() {
  using enum Outcome;
  constexpr uint32_t kHuge = std::numeric_limits<uint32_t>::max();
  return {
      {"SizeZero", kMessageDropped, message(to_victim(VIRTIO_MSG_GET_DEVICE_STATUS), {}, 0)},
      {"SizeBelowHeader", kMessageDropped, message(to_victim(VIRTIO_MSG_GET_DEVICE_STATUS), {}, 7)},
      {"SizeAboveSlot", kMessageDropped, message(to_victim(VIRTIO_MSG_GET_DEVICE_STATUS), {}, 321)},
      {"SizeHuge", kMessageDropped, message(to_victim(VIRTIO_MSG_SET_CONFIG), {}, 0xffff)},
      {"IdZero", kMessageDropped, message(to_victim(0), {})},
      {"IdUnknown", kMessageDropped, message(to_victim(0x3f), {1, 2, 3})},
      {"IdOfImplementation", kMessageDropped, message(to_victim(0x80), {})},
      {"BusIdUnknown", kMessageDropped, message(to_bus(0x3f), {})},
      {"ResponseNobodyAskedFor", kMessageDropped,
       message({.response = true, .id = VIRTIO_MSG_GET_DEVICE_STATUS, .device = kVictim}, {1})},
      {"EventConfigFromDriver", kMessageDropped,
       message(to_victim(VIRTIO_MSG_EVENT_CONFIG), {1, 1, 0, 0})},
      {"EventUsedFromDriver", kMessageDropped, message(to_victim(VIRTIO_MSG_EVENT_USED), {0})},
      {"EventDeviceFromDriver", kMessageDropped, message(to_bus(VIRTIO_MSG_BUS_EVENT_DEVICE), {1})},
      {"DeviceAbsent", kMessageDropped,
       message({.id = VIRTIO_MSG_GET_DEVICE_INFO, .device = 33}, {})},
      {"DeviceOutOfRange", kMessageDropped,
       message({.id = VIRTIO_MSG_GET_DEVICE_INFO, .device = 0xffff}, {})},
      {"StatusTruncated", kMessageDropped,
       message(to_victim(VIRTIO_MSG_SET_DEVICE_STATUS), {0}, 11)},
      {"SetQueueTruncated", kMessageDropped,
       message(to_victim(VIRTIO_MSG_SET_VQUEUE), {0, 1, 64, 0, 0, 0, 0, 0, 0})},
      {"FeaturesBeyondPayload", kMessageDropped,
       message(to_victim(VIRTIO_MSG_SET_DRIVER_FEATURES), {0, 3, 0, 0})},
      {"FeaturesHugeCount", kMessageDropped,
       message(to_victim(VIRTIO_MSG_SET_DRIVER_FEATURES), {0, kHuge, 0})},
      {"GetFeaturesHugeCount", kMessageDropped,
       message(to_victim(VIRTIO_MSG_GET_DEVICE_FEATURES), {kHuge, kHuge})},
      {"ConfigBeyondPayload", kMessageDropped,
       message(to_victim(VIRTIO_MSG_SET_CONFIG), {0, 4, 5, 0})},
      {"ConfigHugeLength", kMessageDropped,
       message(to_victim(VIRTIO_MSG_SET_CONFIG), {0, 4, kHuge, 0})},
      {"AvailForUnknownQueue", kMessageDropped, message(to_victim(VIRTIO_MSG_EVENT_AVAIL), {2, 0})},
      {"ResetQueueNotOffered", kMessageDropped, message(to_victim(VIRTIO_MSG_RESET_VQUEUE), {0})},
      {"DevicesAtOddOffset", kMessageDropped,
       message(to_bus(VIRTIO_MSG_BUS_GET_DEVICES), {64 << 16 | 3})},
      {"DevicesOddCount", kMessageDropped, message(to_bus(VIRTIO_MSG_BUS_GET_DEVICES), {63 << 16})},
      {"TailOutOfRange", kMessageDropped, bad_index(32)},
      {"TailHuge", kMessageDropped, bad_index(0xffff)},
      {"GetConfigWraps", kRefused, message(to_victim(VIRTIO_MSG_GET_CONFIG), {kHuge, 2})},
      {"GetConfigHuge", kRefused, message(to_victim(VIRTIO_MSG_GET_CONFIG), {0, kHuge})},
      {"SetConfigOutside", kRefused, message(to_victim(VIRTIO_MSG_SET_CONFIG), {0, kHuge, 4, 0})},
      {"GetQueueOutOfRange", kRefused, message(to_victim(VIRTIO_MSG_GET_VQUEUE), {kHuge})},
      {"FeaturesAfterAgreement", kRefused,
       message(to_victim(VIRTIO_MSG_SET_DRIVER_FEATURES), {0, 2, 0, 0})},
      {"StatusBitsTakenBack", kRefused,
       message(to_victim(VIRTIO_MSG_SET_DEVICE_STATUS), {kStatusAcknowledge})},
  };
}

std::vector<Attack> setup_attacks() {
  using enum Outcome;
  return {
      {"QueueSizeZero", kNeedsReset, set_queue(0, [](SetQueue& q, auto&) { q.size = 0; })},
      {"QueueSizeAboveMaximum", kNeedsReset,
       set_queue(0, [](SetQueue& q, auto&) { q.size = 128; })},
      {"QueueSizeNoPowerOfTwo", kNeedsReset, set_queue(0, [](SetQueue& q, auto&) { q.size = 33; })},
      {"QueueSizeWraps", kNeedsReset, set_queue(0, [](SetQueue& q, auto&) { q.size = 0x10040; })},
      {"QueueMisaligned", kNeedsReset, set_queue(0, [](SetQueue& q, auto&) { q.desc += 8; })},
      {"QueueAtZero", kNeedsReset, set_queue(0, [](SetQueue& q, auto&) { q.desc = 0; })},
      {"QueueOutside", kNeedsReset,
       set_queue(0, [](SetQueue& q, auto&) { q.device = LinkRig::kDeviceMemory - 16; })},
      {"QueueWraps", kNeedsReset,
       set_queue(0, [](SetQueue& q, auto&) { q.driver = UINT64_MAX - 15; })},
      {"QueueIndexOutOfRange", kNeedsReset, set_queue(2, [](SetQueue&, auto&) {})},
      {"QueueIndexHuge", kNeedsReset, set_queue(0x10000, [](SetQueue&, auto&) {})},
      {"QueueWhileRunning", kNeedsReset,
       [](LinkRig& rig, DriverDevice& device) {
         rig.driver().set_queue(kVictim, 0, device.queues[0]->setup());
       }},
      {"QueueBeforeFeatures", kNeedsReset,
       [](LinkRig& rig, DriverDevice& device) {
         rig.driver().reset(kVictim);
         rig.driver().set_queue(kVictim, 0, device.queues[0]->setup());
       }},
      {"DriverOkBeforeFeatures", kNeedsReset,
       [](LinkRig& rig, DriverDevice&) {
         rig.driver().reset(kVictim);
         rig.driver().set_status(kVictim, kStatusAcknowledge);
         rig.driver().set_status(kVictim, kStatusDriver | kStatusDriverOk);
       }},
  };
}

std::vector<Attack> ring_attacks() {
  using enum Outcome;
  return {
      {"AvailIndexJumps", kNeedsReset,
       ring([](SplitDriverQueue& queue, auto&) { queue.avail_idx().store(66); })},
      {"HeadOutOfRange", kNeedsReset, ring([](SplitDriverQueue& queue, auto&) {
         queue.offer(64);
         queue.publish();
       })},
      {"ChainLoops", kNeedsReset, descriptor({0, 16, kDescNext, 0})},
      {"NextOutOfRange", kNeedsReset, descriptor({0, 16, kDescNext, 64})},
      {"SegmentOutside", kNeedsReset, descriptor({LinkRig::kDeviceMemory, 16, 0, 0})},
      {"SegmentWraps", kNeedsReset, descriptor({UINT64_MAX - 7, 16, 0, 0})},
      {"SegmentTooLong", kNeedsReset, descriptor({0, UINT32_MAX, 0, 0})},
      {"SegmentEmpty", kNeedsReset, descriptor({0, 0, 0, 0})},
      {"IndirectNotNegotiated", kNeedsReset, descriptor({0, 16, kDescIndirect, 0})},
      {"UnknownFlag", kNeedsReset, descriptor({0, 16, 0x40, 0})},
      {"SameHeadTwice", kNeedsReset,
       [](LinkRig& rig, DriverDevice& device) {
         auto& queue = dynamic_cast<SplitDriverQueue&>(*device.queues[0]);
         rig.device(kVictim).hold(true);
         queue.poke(0, {device.memory->allocate(16), 16, 0, 0});
         queue.offer(0);
         queue.offer(0);
         queue.publish();
         rig.driver().kick(kVictim, 0);
         rig.settle();
         rig.device(kVictim).hold(false);
       }},
  };
}

std::vector<Attack> notification_attacks() {
  using enum Outcome;
  return {
      {"BitThatIsReserved", kNotificationDropped, bit(3)},
      {"BitOfAbsentDevice", kNotificationDropped, bit(4 * 34)},
      {"BitOfLastNumber", kNotificationDropped, bit(255)},
      {"BitOfAbsentQueue", kNotificationDropped, bit(4 * (kVictim + 1) + 2)},
      {"EveryBit", kNotificationDropped,
       [](LinkRig& rig, DriverDevice&) {
         for (uint32_t number = 0; number < 256; ++number) rig.driver().endpoint().notify(number);
         rig.driver().endpoint().commit();
         rig.settle();
       }},
      {"KickOfAStoppedDevice", kRefused,
       [](LinkRig& rig, DriverDevice&) {
         rig.driver().reset(kVictim);
         rig.driver().kick(kVictim, 0);
         rig.settle();
       }},
  };
}

std::vector<Attack> all_attacks() {
  std::vector<Attack> all;
  for (const auto& some :
       {message_attacks(), setup_attacks(), ring_attacks(), notification_attacks()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

class HostileDriverTest : public testing::TestWithParam<Attack> {};

TEST_P(HostileDriverTest, HarmsAtMostItsOwnDevice) {
  LinkRig rig;
  rig.start_link({kVictim, kNeighbour});
  ASSERT_TRUE(rig.driver().connect());
  const auto victim = rig.set_up(kVictim);
  const auto neighbour = rig.set_up(kNeighbour);
  ASSERT_TRUE(victim && neighbour);
  ASSERT_EQ(rig.echo(*victim, "before"), "before");
  rig.settle();

  GetParam().run(rig, *victim);
  rig.settle();

  const LinkCounters& counters = rig.link().counters();
  const Instance* instance = rig.link().instance(kVictim);
  const bool broken = (instance->status() & kStatusNeedsReset) != 0;
  EXPECT_EQ(broken, GetParam().outcome == Outcome::kNeedsReset);
  EXPECT_EQ(instance->counters().needs_reset, broken ? 1U : 0U);
  EXPECT_EQ(counters.messages_malformed != 0, GetParam().outcome == Outcome::kMessageDropped);
  EXPECT_EQ(counters.notifications_bogus != 0, GetParam().outcome == Outcome::kNotificationDropped);
  EXPECT_EQ(rig.link().status(), LinkStatus::kRun);
  EXPECT_EQ(rig.echo(*neighbour, "unharmed"), "unharmed");
  EXPECT_EQ(rig.link().instance(kNeighbour)->counters().needs_reset, 0U);

  // A reset makes up for everything.
  const auto again = rig.set_up(kVictim);
  ASSERT_TRUE(again);
  EXPECT_EQ(rig.echo(*again, "healed"), "healed");
}

INSTANTIATE_TEST_SUITE_P(All, HostileDriverTest, testing::ValuesIn(all_attacks()),
                         [](const auto& attack) { return std::string(attack.param.name); });

TEST(HostileDriverEventsTest, BrokenDeviceIsAnnouncedWithItsStatus) {
  LinkRig rig;
  rig.start_link({kVictim, kNeighbour});
  ASSERT_TRUE(rig.driver().connect());
  const auto victim = rig.set_up(kVictim);
  ASSERT_TRUE(victim);
  dynamic_cast<SplitDriverQueue&>(*victim->queues[0]).offer(64);
  victim->queues[0]->publish();
  rig.driver().kick(kVictim, 0);
  rig.settle();
  const auto event = rig.driver().take_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->header.id, VIRTIO_MSG_EVENT_CONFIG);
  EXPECT_EQ(event->header.device, kVictim);
  const auto config = decode<ConfigEvent>(event->payload, WireLayout::kL2);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->status, kAgreed | kStatusDriverOk | kStatusNeedsReset);
  EXPECT_EQ(rig.device(kVictim).stops(), 1) << "its queues are not touched any more";
  EXPECT_EQ(rig.observer().count(Event::kQueueBroken, kVictim), 1);
  EXPECT_EQ(rig.observer().count(Event::kNeedsReset, kVictim), 1);
}

// The peer can write everywhere in the region: also where we write.
TEST(HostileDriverMemoryTest, GarbageInTheWholeRegionIsSurvived) {
  LinkRig rig;
  rig.start_link({kVictim, kNeighbour});
  ASSERT_TRUE(rig.driver().connect());
  ASSERT_TRUE(rig.set_up(kVictim));
  uint32_t random = 1;
  for (int round = 0; round < 200; ++round) {
    for (size_t at = 4096; at < rig.region().size(); at += 1 + (random >> 24)) {
      random = random * 1664525 + 1013904223;
      rig.region()[at] = static_cast<std::byte>(random >> 16);
    }
    for (int turn = 0; turn < 3; ++turn) rig.turn();
    if (round % 10 != 9) continue;
    rig.kill_link();
    rig.start_link({kVictim, kNeighbour});
  }
  // And the link can still be brought up by a driver that means well.
  rig.restart_driver();
  rig.pass(10'000 * LinkRig::kMillisecond);
  ASSERT_TRUE(rig.driver().connect());
  const auto device = rig.set_up(kVictim);
  ASSERT_TRUE(device);
  EXPECT_EQ(rig.echo(*device, "still here"), "still here");
}

}  // namespace
}  // namespace stratos::test
