// SPDX-License-Identifier: Apache-2.0

#include "virtio/instance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "driver_memory.h"
#include "driver_queue.h"
#include "virtio/echo_device.h"

namespace stratos::test {
namespace {

using namespace virtio;

constexpr uint32_t kAck = kStatusAcknowledge;
constexpr uint32_t kDrv = kStatusDriver;
constexpr uint32_t kFok = kStatusFeaturesOk;
constexpr uint32_t kDok = kStatusDriverOk;
constexpr uint32_t kBad = kStatusNeedsReset;
constexpr uint64_t kNeeded = kFeatureVersion1 | kFeatureAccessPlatform;

class FakeHost final : public InstanceHost {
 public:
  void wants_turn(uint16_t) override { ++turns; }
  void notify_used(uint16_t, uint16_t queue) override { used.push_back(queue); }
  void notify_config(uint16_t) override { ++configs; }
  void persist(uint16_t) override { ++persisted; }
  void report(Event event, uint16_t, uint32_t) override { events.push_back(event); }
  int turns = 0;
  int configs = 0;
  int persisted = 0;
  std::vector<uint16_t> used;
  std::vector<Event> events;
};

class InstanceTest : public testing::Test {
 protected:
  InstanceTest() { bind(); }

  void bind() {
    instance_->bind({.number = 3,
                     .device = &device_,
                     .host = &host_,
                     .memory = memory_.memory(),
                     .transport_features = kNeeded | kFeatureEventIdx,
                     .required_features = kNeeded,
                     .inflight = inflight_});
  }
  void set_features(uint64_t features) {
    instance_->set_feature_block(0, static_cast<uint32_t>(features));
    instance_->set_feature_block(1, static_cast<uint32_t>(features >> 32));
  }
  void agree(uint64_t features = kNeeded) {
    instance_->set_status(kAck);
    instance_->set_status(kAck | kDrv);
    set_features(features);
    ASSERT_EQ(instance_->set_status(kAck | kDrv | kFok), kAck | kDrv | kFok);
  }
  void start() {
    agree();
    queue_ = DriverQueue::make(memory_, {.size = 16});
    ASSERT_TRUE(instance_->set_queue(0, queue_->setup(), true));
    ASSERT_EQ(instance_->set_status(kAck | kDrv | kFok | kDok), kAck | kDrv | kFok | kDok);
    ASSERT_TRUE(instance_->running());
  }
  // Adds a request of 8 bytes.
  void submit() {
    const Buffer out{memory_.allocate(8), 8};
    const Buffer in{memory_.allocate(8), 8};
    queue_->add(std::span(&out, 1), std::span(&in, 1));
    queue_->publish();
    instance_->kick(0);
  }
  bool turn() {
    const bool more = instance_->service(0, 4);
    return instance_->flush() || more;
  }

  DriverMemory memory_{1 << 20};
  alignas(64) std::array<std::byte, 4096> storage_{};
  std::array<InflightTable, 2> inflight_{InflightTable(std::span(storage_).first(2048)),
                                         InflightTable(std::span(storage_).last(2048))};
  FakeHost host_;
  EchoDevice device_;
  std::unique_ptr<Instance> instance_ = std::make_unique<Instance>();
  std::unique_ptr<DriverQueue> queue_;
};

// ---- Status ----

struct StatusStep {
  uint32_t write;
  uint32_t read;
};
struct StatusCase {
  const char* name;
  uint64_t features;
  std::vector<StatusStep> steps;
};
void PrintTo(const StatusCase& value, std::ostream* out) { *out << value.name; }

class InstanceStatusTest : public InstanceTest, public testing::WithParamInterface<StatusCase> {};

TEST_P(InstanceStatusTest, FollowsTheRules) {
  set_features(GetParam().features);
  for (const auto& [write, read] : GetParam().steps) {
    EXPECT_EQ(instance_->set_status(write), read) << "after writing " << write;
    turn();
    EXPECT_EQ(instance_->status(), read);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, InstanceStatusTest,
    testing::Values(
        StatusCase{"UsualWay",
                   kNeeded,
                   {{kAck, kAck},
                    {kAck | kDrv, kAck | kDrv},
                    {kAck | kDrv | kFok, kAck | kDrv | kFok},
                    {kAck | kDrv | kFok | kDok, kAck | kDrv | kFok | kDok},
                    {0, 0}}},
        StatusCase{"AllAtOnce", kNeeded, {{kAck | kDrv | kFok | kDok, kAck | kDrv | kFok | kDok}}},
        StatusCase{"DriverWithoutAcknowledge", kNeeded, {{kDrv, 0}}},
        StatusCase{"FeaturesOkWithoutDriver", kNeeded, {{kAck | kFok, kAck}}},
        StatusCase{
            "DriverOkWithoutFeaturesOk", kNeeded, {{kAck | kDrv | kDok, kAck | kDrv | kBad}}},
        StatusCase{
            "DriverOkWithRefusedFeatures", 0, {{kAck | kDrv | kFok | kDok, kAck | kDrv | kBad}}},
        StatusCase{"NoVersion1", kFeatureAccessPlatform, {{kAck | kDrv | kFok, kAck | kDrv}}},
        StatusCase{"NoAccessPlatform", kFeatureVersion1, {{kAck | kDrv | kFok, kAck | kDrv}}},
        StatusCase{"NotOffered", kNeeded | kFeatureRingPacked, {{kAck | kDrv | kFok, kAck | kDrv}}},
        StatusCase{"DeviceRefuses",
                   kNeeded | EchoDevice::kRefusedFeature,
                   {{kAck | kDrv | kFok, kAck | kDrv}}},
        StatusCase{"BitsAreNotTakenBack",
                   kNeeded,
                   {{kAck | kDrv | kFok, kAck | kDrv | kFok}, {kAck, kAck | kDrv | kFok}}},
        StatusCase{
            "UnknownBitsAreIgnored", kNeeded, {{kAck | 0x30, kAck}, {~0x7fU | kAck, kAck | 0x80}}},
        StatusCase{"DriverCannotSetNeedsReset", kNeeded, {{kAck | kBad, kAck}}},
        StatusCase{
            "Failed",
            kNeeded,
            {{kAck | kDrv | kFok | kDok, kAck | kDrv | kFok | kDok},
             {kAck | kDrv | kFok | kDok | kStatusFailed, kAck | kDrv | kFok | kDok | kStatusFailed},
             {0, 0}}},
        StatusCase{"ResetOfNothing", kNeeded, {{0, 0}, {0, 0}}},
        StatusCase{"NoStartAfterFailed",
                   kNeeded,
                   {{kAck | kDrv | kFok | kStatusFailed, kAck | kDrv | kFok | kStatusFailed},
                    {kAck | kDrv | kFok | kDok, kAck | kDrv | kFok | kStatusFailed}}}),
    [](const auto& value) { return std::string(value.param.name); });

TEST_F(InstanceTest, DriverOkStartsAndResetStops) {
  start();
  EXPECT_EQ(device_.starts(), 1);
  EXPECT_EQ(device_.accepted(), kNeeded);
  EXPECT_EQ(instance_->set_status(0), 0U);
  EXPECT_EQ(device_.stops(), 1);
  EXPECT_EQ(instance_->driver_features(), 0U);
  EXPECT_EQ(instance_->queue_state(0).setup.size, 0);
  EXPECT_EQ(instance_->queue(0), nullptr);
  EXPECT_EQ(instance_->counters().resets, 1U);
}

TEST_F(InstanceTest, FailedDriverStopsTheDevice) {
  start();
  instance_->set_status(kAck | kDrv | kFok | kDok | kStatusFailed);
  EXPECT_EQ(device_.stops(), 1);
  EXPECT_FALSE(instance_->running());
}

TEST_F(InstanceTest, ResetOfABusyDeviceEndsWhenItIsIdle) {
  start();
  device_.set_idle(false);
  const uint32_t status = instance_->set_status(0);
  EXPECT_NE(status, 0U);
  EXPECT_TRUE(instance_->resetting());
  EXPECT_EQ(instance_->set_status(kAck), status) << "nothing else until then";
  turn();
  EXPECT_EQ(instance_->status(), status);
  EXPECT_EQ(instance_->state().status, 0U) << "a successor has nothing to wait for";
  device_.set_idle(true);
  turn();
  EXPECT_EQ(instance_->status(), 0U);
  EXPECT_FALSE(instance_->resetting());
}

TEST_F(InstanceTest, NeedsResetStopsTheDeviceAndTellsTheDriver) {
  start();
  host_.configs = 0;
  instance_->needs_reset();
  EXPECT_EQ(device_.stops(), 0) << "not from within the device's own call";
  EXPECT_NE(instance_->status() & kBad, 0U);
  turn();
  EXPECT_EQ(device_.stops(), 1);
  EXPECT_EQ(host_.configs, 1);
  instance_->needs_reset();
  turn();
  EXPECT_EQ(host_.configs, 1) << "once";
  EXPECT_EQ(instance_->counters().needs_reset, 1U);
}

// ---- Features ----

TEST_F(InstanceTest, FeaturesComeInBlocks) {
  const uint64_t offered = instance_->offered_features();
  EXPECT_EQ(offered, kNeeded | kFeatureEventIdx | device_.features());
  EXPECT_EQ(instance_->feature_block(0), static_cast<uint32_t>(offered));
  EXPECT_EQ(instance_->feature_block(1), static_cast<uint32_t>(offered >> 32));
  EXPECT_EQ(instance_->feature_block(2), 0U);
  EXPECT_EQ(instance_->feature_block(UINT32_MAX), 0U);
}

TEST_F(InstanceTest, FeaturesBeyondTheSecondBlockAreForeign) {
  set_features(kNeeded);
  instance_->set_feature_block(2, 0);
  instance_->set_status(kAck | kDrv | kFok);
  EXPECT_NE(instance_->status() & kFok, 0U);
  instance_->set_status(0);
  set_features(kNeeded);
  instance_->set_feature_block(7, 1);
  instance_->set_status(kAck | kDrv | kFok);
  EXPECT_EQ(instance_->status() & kFok, 0U);
}

TEST_F(InstanceTest, FeaturesAreFixedOnceAgreed) {
  agree();
  set_features(kNeeded | kFeatureEventIdx);
  EXPECT_EQ(instance_->driver_features(), kNeeded);
}

// ---- Configuration space ----

TEST_F(InstanceTest, ConfigurationIsBounded) {
  std::array<std::byte, 16> bytes{};
  const auto read = [&](uint32_t offset, size_t size) {
    return instance_->read_config(offset, std::span(bytes).first(size));
  };
  EXPECT_TRUE(read(0, 8));
  EXPECT_TRUE(read(7, 1));
  EXPECT_FALSE(read(0, 9));
  EXPECT_FALSE(read(8, 1));
  EXPECT_FALSE(read(UINT32_MAX, 2));
  EXPECT_FALSE(read(0, 0));
  EXPECT_TRUE(instance_->write_config(0, 1, std::span(bytes).first(7)));
  EXPECT_FALSE(instance_->write_config(0, 1, std::span(bytes).first(8)));
}

TEST_F(InstanceTest, GenerationChangesWithTheConfiguration) {
  start();
  const uint32_t before = instance_->generation();
  const std::array value{std::byte{5}};
  EXPECT_TRUE(instance_->write_config(before, 4, value));
  EXPECT_EQ(instance_->generation(), before) << "the driver's own writes do not count";
  host_.configs = 0;
  device_.set_config(1);
  EXPECT_EQ(instance_->generation(), before + 1);
  turn();
  EXPECT_EQ(host_.configs, 1);
  EXPECT_FALSE(instance_->write_config(before, 4, value)) << "stale";
  EXPECT_TRUE(instance_->write_config(0, 4, value)) << "unchecked";
  EXPECT_EQ(instance_->state().generation, before + 1);
}

// ---- Queues ----

TEST_F(InstanceTest, QueueIsSetUpBetweenFeaturesAndDriverOk) {
  const QueueSetup setup = DriverQueue::make(memory_, {.size = 16})->setup();
  EXPECT_FALSE(instance_->set_queue(0, setup, true));
  EXPECT_NE(instance_->status() & kBad, 0U);
  instance_->set_status(0);
  agree();
  EXPECT_TRUE(instance_->set_queue(0, setup, false));
  EXPECT_FALSE(instance_->queue_state(0).enabled);
  EXPECT_TRUE(instance_->set_queue(0, setup, true));
  EXPECT_TRUE(instance_->queue_state(0).enabled);
  EXPECT_EQ(instance_->max_queue_size(0), EchoDevice::kQueueSize);
  EXPECT_EQ(instance_->max_queue_size(2), 0);
  instance_->set_status(kAck | kDrv | kFok | kDok);
  EXPECT_FALSE(instance_->set_queue(1, setup, true));
  EXPECT_NE(instance_->status() & kBad, 0U);
}

TEST_F(InstanceTest, RingFeaturesAreThoseThatWereNegotiated) {
  agree(kNeeded | kFeatureEventIdx);
  QueueSetup setup = DriverQueue::make(memory_, {.size = 16})->setup();
  setup.packed = setup.indirect = true;  // nobody agreed to that
  ASSERT_TRUE(instance_->set_queue(0, setup, true));
  EXPECT_FALSE(instance_->queue_state(0).setup.packed);
  EXPECT_FALSE(instance_->queue_state(0).setup.indirect);
  EXPECT_TRUE(instance_->queue_state(0).setup.event_idx);
}

TEST_F(InstanceTest, BudgetBoundsATurn) {
  start();
  for (int i = 0; i < 6; ++i) submit();
  EXPECT_TRUE(turn());
  EXPECT_EQ(device_.answered(), 4U);
  EXPECT_FALSE(turn());
  EXPECT_EQ(device_.answered(), 6U);
  EXPECT_FALSE(turn());
}

TEST_F(InstanceTest, ManyAnswersOneNotification) {
  start();
  turn();
  host_.used.clear();
  for (int i = 0; i < 3; ++i) submit();
  turn();
  EXPECT_THAT(host_.used, testing::ElementsAre(0));
  submit();
  queue_->disable_notifications();
  turn();
  EXPECT_THAT(host_.used, testing::ElementsAre(0));
  EXPECT_EQ(instance_->queue_counters(0).notifications_sent, 1U);
  EXPECT_EQ(instance_->queue_counters(0).notifications_suppressed, 1U);
}

TEST_F(InstanceTest, AnswersGivenLaterArePublishedAtTheEndOfTheTurn) {
  start();
  device_.hold(true);
  submit();
  turn();
  EXPECT_FALSE(queue_->get_used());
  host_.turns = 0;
  device_.answer_held();
  EXPECT_GT(host_.turns, 0);
  EXPECT_FALSE(queue_->get_used());
  turn();
  EXPECT_TRUE(queue_->get_used());
}

// A device that left chains in its queue because a port was busy.
TEST_F(InstanceTest, ADeviceThatAsksIsServedWithoutAKick) {
  start();
  turn();
  const Buffer out{memory_.allocate(8), 8};
  const Buffer in{memory_.allocate(8), 8};
  queue_->add(std::span(&out, 1), std::span(&in, 1));
  queue_->publish();
  turn();
  ASSERT_EQ(device_.answered(), 0U) << "nobody kicked";
  const int turns = host_.turns;
  device_.transport()->serve_again(0);
  EXPECT_GT(host_.turns, turns);
  turn();
  EXPECT_EQ(device_.answered(), 1U);
  EXPECT_TRUE(queue_->get_used());
  device_.transport()->serve_again(1);  // which the driver did not enable
  device_.transport()->serve_again(99);
  turn();
}

TEST_F(InstanceTest, KicksForNoQueueAreIgnored) {
  instance_->kick(0);
  start();
  instance_->kick(1);
  instance_->kick(77);
  EXPECT_EQ(instance_->queue_counters(0).kicks, 0U);
  turn();
}

// ---- A link that looks at the rings ----

class LookingInstanceTest : public InstanceTest, public testing::WithParamInterface<uint64_t> {
 protected:
  void SetUp() override {
    const uint64_t ring = GetParam();
    instance_->bind({.device = &device_,
                     .host = &host_,
                     .memory = memory_.memory(),
                     .transport_features = kNeeded | ring,
                     .inflight = {},
                     .looks = true});
    agree(kNeeded | ring);
    queue_ = DriverQueue::make(memory_, {.size = 16,
                                         .packed = (ring & kFeatureRingPacked) != 0,
                                         .event_idx = (ring & kFeatureEventIdx) != 0});
    ASSERT_TRUE(instance_->set_queue(0, queue_->setup(), true));
    instance_->set_status(kAck | kDrv | kFok | kDok);
    while (turn()) {
    }
  }
  // Whether the driver was asked to kick for one more request.
  bool offer() {
    const Buffer out{memory_.allocate(8), 8};
    const Buffer in{memory_.allocate(8), 8};
    queue_->add(std::span(&out, 1), std::span(&in, 1));
    queue_->publish();
    return queue_->kick_needed();
  }
};

TEST_P(LookingInstanceTest, TheDriverKicksOnlyWhoSleeps) {
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(instance_->look());
    ASSERT_FALSE(offer()) << "it is awake";
    EXPECT_TRUE(instance_->look());
    turn();
    ASSERT_EQ(device_.answered(), 2 * i + 1);
    EXPECT_TRUE(instance_->prepare_sleep());
    ASSERT_TRUE(offer()) << "it sleeps";
    instance_->kick(0);
    EXPECT_TRUE(instance_->look()) << "a kick is not all that it goes by";
    turn();
    ASSERT_EQ(device_.answered(), 2 * i + 2);
    while (queue_->get_used()) {
    }
  }
}

TEST_P(LookingInstanceTest, WhoeverWokeUpIsNotKicked) {
  EXPECT_TRUE(instance_->prepare_sleep());
  EXPECT_FALSE(instance_->look());
  EXPECT_FALSE(offer());
  EXPECT_TRUE(instance_->look());
}

TEST_P(LookingInstanceTest, FindsWhatCameBeforeItAskedForKicks) {
  EXPECT_FALSE(offer());
  EXPECT_FALSE(instance_->prepare_sleep());
  turn();
  EXPECT_EQ(device_.answered(), 1U);
  EXPECT_TRUE(instance_->prepare_sleep());
}

TEST_P(LookingInstanceTest, WhoGoesOnWithTheRingsIsKicked) {
  instance_->suspend();
  EXPECT_TRUE(offer());
}

INSTANTIATE_TEST_SUITE_P(Rings, LookingInstanceTest,
                         testing::Values(uint64_t{0}, kFeatureEventIdx, kFeatureRingPacked,
                                         kFeatureRingPacked | kFeatureEventIdx));

// ---- What survives ----

TEST_F(InstanceTest, EveryChangeIsRecordedBeforeItIsVisible) {
  int before = host_.persisted;
  const auto recorded = [&] {
    instance_->record();
    return std::exchange(before, host_.persisted) != host_.persisted;
  };
  EXPECT_TRUE(recorded()) << "a fresh binding";
  EXPECT_FALSE(recorded());
  instance_->set_status(kAck | kDrv);
  EXPECT_TRUE(recorded());
  set_features(kNeeded);
  EXPECT_TRUE(recorded());
  start();
  EXPECT_TRUE(recorded());
  submit();
  turn();
  EXPECT_NE(std::exchange(before, host_.persisted), host_.persisted) << "the device's own state";
  device_.set_config(1);
  turn();
  EXPECT_NE(std::exchange(before, host_.persisted), host_.persisted);
}

TEST_F(InstanceTest, SuccessorGoesOn) {
  start();
  device_.hold(true);
  submit();
  turn();
  const InstanceState state = instance_->state();
  instance_ = std::make_unique<Instance>();
  device_ = EchoDevice();
  bind();
  host_.used.clear();
  ASSERT_TRUE(instance_->restore(state));
  EXPECT_TRUE(instance_->running());
  EXPECT_EQ(instance_->status(), kAck | kDrv | kFok | kDok);
  turn();
  EXPECT_TRUE(queue_->get_used()) << "without another kick";
  EXPECT_THAT(host_.used, testing::ElementsAre(0));
}

// ---- Links that start and stop queues one by one ----

TEST_F(InstanceTest, AQueueMayComeWhileOthersRun) {
  start();
  const auto other = DriverQueue::make(memory_, {.size = 16});
  const Buffer buffer{memory_.allocate(8), 8};
  other->add({}, std::span(&buffer, 1));
  other->publish();
  ASSERT_TRUE(instance_->add_queue(1, other->setup()));
  device_.emit(7);
  turn();
  EXPECT_TRUE(other->get_used()) << "without a kick";
  EXPECT_EQ(device_.starts(), 1);
}

TEST_F(InstanceTest, AQueueIsNotAddedTwiceNorToADeviceThatStands) {
  const auto other = DriverQueue::make(memory_, {.size = 16});
  EXPECT_FALSE(instance_->add_queue(1, other->setup()));
  start();
  EXPECT_FALSE(instance_->add_queue(0, other->setup()));
  EXPECT_FALSE(instance_->add_queue(9, other->setup()));
  EXPECT_TRUE(instance_->running());
  QueueSetup large = other->setup();
  large.size = 128;
  EXPECT_FALSE(instance_->add_queue(1, large));
  EXPECT_NE(instance_->status() & kBad, 0U);
}

TEST_F(InstanceTest, APauseChangesNothing) {
  start();
  device_.hold(true);
  submit();
  turn();
  EXPECT_TRUE(instance_->holds_chains());
  instance_->suspend();
  EXPECT_FALSE(instance_->holds_chains());
  EXPECT_FALSE(instance_->running());
  EXPECT_EQ(instance_->queue_position(0), QueuePosition());
  device_.hold(false);
  ASSERT_TRUE(instance_->restore(instance_->state()));
  turn();
  EXPECT_TRUE(queue_->get_used());
  EXPECT_EQ(instance_->queue_position(0).next, 1);
  EXPECT_EQ(instance_->counters().starts, 2u);
}

struct StateDamage {
  const char* name;
  std::function<void(InstanceState&)> change;
};
void PrintTo(const StateDamage& value, std::ostream* out) { *out << value.name; }

class InstanceRestoreTest : public InstanceTest, public testing::WithParamInterface<StateDamage> {};

TEST_P(InstanceRestoreTest, NonsenseNeedsAReset) {
  start();
  submit();
  turn();
  InstanceState state = instance_->state();
  GetParam().change(state);
  instance_ = std::make_unique<Instance>();
  device_ = EchoDevice();
  bind();
  EXPECT_FALSE(instance_->restore(state));
  EXPECT_NE(instance_->status() & kBad, 0U);
  turn();
  EXPECT_EQ(device_.starts(), 0);
  instance_->set_status(0);
  EXPECT_EQ(instance_->status(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    All, InstanceRestoreTest,
    testing::Values(
        StateDamage{"Identity", [](InstanceState& s) { s.identity ^= 1; }},
        StateDamage{"StatusBits", [](InstanceState& s) { s.status |= 0x1000; }},
        StateDamage{"DriverOkAlone", [](InstanceState& s) { s.status = kDok; }},
        StateDamage{"Features", [](InstanceState& s) { s.driver_features |= feature_bit(60); }},
        StateDamage{"FeaturesMissing", [](InstanceState& s) { s.driver_features = 0; }},
        StateDamage{"QueueOutside", [](InstanceState& s) { s.queues[0].setup.desc = 1 << 30; }},
        StateDamage{"QueueMisaligned", [](InstanceState& s) { s.queues[0].setup.device += 1; }},
        StateDamage{"QueueSize", [](InstanceState& s) { s.queues[0].setup.size = 17; }},
        StateDamage{"DeviceStateSize", [](InstanceState& s) { s.device_state_size = 65; }},
        StateDamage{"DeviceState", [](InstanceState& s) { s.device_state_size = 3; }}),
    [](const auto& value) { return std::string(value.param.name); });

}  // namespace
}  // namespace stratos::test
