// SPDX-License-Identifier: Apache-2.0
// The device side dies and comes back with the state that it left in the region. The
// driver must notice nothing but a pause: no request lost, none answered twice.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <numeric>
#include <random>
#include <set>

#include "virtio/link_rig.h"

namespace stratos::test {
namespace {

using namespace virtio;

// Requests with texts of their own, and what came back for them.
class Traffic {
 public:
  Traffic(LinkRig& rig, DriverDevice& device) : rig_(rig), device_(device) {}

  void submit() {
    const std::string text = std::to_string(device_.number) + "/" + std::to_string(next_);
    if (!rig_.submit(device_, text)) return;
    ++next_;
    open_.insert(text);
  }
  void collect() {
    while (const auto used = device_.queues[0]->get_used()) {
      const std::string text = rig_.take_answer(device_, *used);
      EXPECT_EQ(open_.erase(text), 1U) << text;
    }
  }
  size_t open() const { return open_.size(); }
  int submitted() const { return next_; }

 private:
  LinkRig& rig_;
  DriverDevice& device_;
  int next_ = 0;
  std::set<std::string> open_;
};

class RestartTest : public testing::Test {
 protected:
  void run() {
    ASSERT_FALSE(rig_.start_link());
    ASSERT_TRUE(rig_.driver().connect());
    one_ = rig_.set_up(1);
    two_ = rig_.set_up(2);
    ASSERT_TRUE(one_ && two_);
  }
  LinkRig rig_;
  std::unique_ptr<DriverDevice> one_;
  std::unique_ptr<DriverDevice> two_;
};

TEST_F(RestartTest, DriverNoticesNothing) {
  run();
  ASSERT_EQ(rig_.echo(*one_, "before"), "before");
  const uint32_t epoch = rig_.link().epoch();
  const auto memory = rig_.link().memory(2);
  rig_.kill_link();
  ASSERT_TRUE(rig_.start_link({2, 1})) << "the order does not matter";
  EXPECT_EQ(rig_.link().epoch(), epoch);
  EXPECT_EQ(rig_.link().status(), LinkStatus::kRun);
  EXPECT_EQ(rig_.link().memory(2), memory);
  EXPECT_EQ(rig_.device(1).answered(), 1U) << "the device's own state survived";
  EXPECT_EQ(rig_.device(1).accepted(), one_->features);
  EXPECT_EQ(rig_.echo(*one_, "after"), "after");
  EXPECT_EQ(rig_.echo(*two_, "after"), "after");
  EXPECT_EQ(rig_.driver().status(), LinkStatus::kRun);
  EXPECT_FALSE(rig_.driver().take_event());
  EXPECT_EQ(rig_.observer().count(Event::kDeviceResumed), 2);
}

TEST_F(RestartTest, RequestsInFlightAreServedAgain) {
  run();
  rig_.device(1).hold(true);
  ASSERT_TRUE(rig_.submit(*one_, "first"));
  ASSERT_TRUE(rig_.submit(*one_, "second"));
  rig_.settle();
  ASSERT_EQ(rig_.device(1).held(), 2U);
  rig_.kill_link();
  ASSERT_TRUE(rig_.submit(*one_, "nobody there"));
  ASSERT_TRUE(rig_.start_link());
  rig_.settle();
  for (const char* text : {"first", "second", "nobody there"}) {
    const auto used = one_->queues[0]->get_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(rig_.take_answer(*one_, *used), text);
  }
}

TEST_F(RestartTest, DriverIsRungOnceForWhatThePredecessorMayHaveForgotten) {
  run();
  rig_.settle();
  ASSERT_TRUE(rig_.driver().prepare_sleep());
  ASSERT_TRUE(rig_.submit(*one_, "x"));
  rig_.service();
  rig_.kill_link();
  const int rings = rig_.doorbell().rings;
  ASSERT_TRUE(rig_.start_link());
  rig_.turn();
  EXPECT_EQ(rig_.doorbell().rings, rings + 1);
  rig_.driver().poll();
  EXPECT_TRUE(rig_.driver().take_used(1, 0));
  EXPECT_TRUE(rig_.driver().take_used(2, 0)) << "every queue, since nobody knows";
}

TEST_F(RestartTest, RingThatThePredecessorOwedIsRung) {
  run();
  rig_.settle();
  ASSERT_TRUE(rig_.driver().prepare_sleep());
  ASSERT_TRUE(rig_.submit(*one_, "x"));
  ASSERT_TRUE(rig_.submit(*two_, "y"));
  rig_.turn();
  rig_.kill_link();
  // Say the predecessor died between its bits and its ring: the bits are not seen yet, so
  // that there is nothing new to announce.
  for (int successor = 0; successor < 2; ++successor) {
    const int rings = rig_.doorbell().rings;
    ASSERT_TRUE(rig_.start_link());
    rig_.turn();
    EXPECT_EQ(rig_.doorbell().rings, rings + 1);
    rig_.kill_link();
  }
}

TEST_F(RestartTest, MessageThatWasAcknowledgedAndNotServedIsServed) {
  run();
  rig_.settle();
  rig_.kill_link();
  std::array<std::byte, 64> message{};
  const size_t size = encode(message, {.id = VIRTIO_MSG_SET_DEVICE_STATUS, .device = 1, .token = 5},
                             Status{0}, WireLayout::kL2);
  ASSERT_TRUE(rig_.driver().send_raw(std::span(message).first(size)));
  // As the predecessor does when it has taken the notification.
  const Layout& layout = rig_.driver().layout();
  const auto word = [&](const SideLayout& side, uint64_t at) {
    return SharedWord32(rig_.region().data() + side.notif.offset + at);
  };
  word(layout.device, layout.device.notif.size / 2).store(word(layout.driver, 0).load());
  ASSERT_TRUE(rig_.start_link());
  rig_.settle();
  EXPECT_EQ(rig_.link().instance(1)->status(), 0U);
}

TEST_F(RestartTest, PlannedDetachKeepsEverything) {
  run();
  rig_.device(1).hold(true);
  ASSERT_TRUE(rig_.submit(*one_, "kept"));
  rig_.settle();
  rig_.link().detach();
  EXPECT_EQ(rig_.device(1).stops(), 1);
  rig_.kill_link();
  ASSERT_TRUE(rig_.start_link());
  rig_.settle();
  const auto used = one_->queues[0]->get_used();
  ASSERT_TRUE(used);
  EXPECT_EQ(rig_.take_answer(*one_, *used), "kept");
}

TEST_F(RestartTest, ResetUnderWayIsFinishedByTheSuccessor) {
  run();
  rig_.device(1).set_idle(false);
  ASSERT_NE(rig_.driver().set_status(1, 0), 0U);
  rig_.kill_link();
  ASSERT_TRUE(rig_.start_link());
  EXPECT_EQ(rig_.driver().status(1), 0U);
  EXPECT_EQ(rig_.device(1).starts(), 0);
  EXPECT_EQ(rig_.echo(*two_, "and the other goes on"), "and the other goes on");
}

TEST_F(RestartTest, BrokenDeviceStaysBroken) {
  run();
  rig_.device(1).transport()->needs_reset();
  rig_.settle();
  rig_.kill_link();
  ASSERT_TRUE(rig_.start_link());
  EXPECT_EQ(rig_.driver().status(1).value() & kStatusNeedsReset, kStatusNeedsReset);
  EXPECT_EQ(rig_.device(1).starts(), 0);
}

TEST_F(RestartTest, DevicesThatCameAndWentAreAnnounced) {
  run();
  rig_.settle();
  while (rig_.driver().take_event()) {
  }
  rig_.kill_link();
  ASSERT_TRUE(rig_.start_link({2, 7}));
  rig_.settle();
  std::vector<std::pair<uint16_t, uint16_t>> seen;
  while (const auto event = rig_.driver().take_event()) {
    const auto device = decode<DeviceEvent>(event->payload, WireLayout::kL2);
    seen.emplace_back(device->device, device->state);
  }
  EXPECT_THAT(seen, testing::ElementsAre(std::pair(1, VIRTIO_MSG_DEVICE_REMOVED),
                                         std::pair(7, VIRTIO_MSG_DEVICE_READY)));
  EXPECT_EQ(rig_.echo(*two_, "goes on"), "goes on");
}

TEST_F(RestartTest, DeviceThatIsNotTheOneItWasIsReplaced) {
  run();
  rig_.settle();
  rig_.kill_link();
  rig_.device_features = EchoDevice::kSomeFeature;
  ASSERT_TRUE(rig_.start_link());
  EXPECT_EQ(rig_.device(1).starts(), 0) << "the driver agreed with another one";
  rig_.settle();
  std::vector<uint16_t> states;
  while (const auto event = rig_.driver().take_event()) {
    const auto device = decode<DeviceEvent>(event->payload, WireLayout::kL2);
    if (device->device == 1) states.push_back(device->state);
  }
  EXPECT_THAT(states, testing::ElementsAre(VIRTIO_MSG_DEVICE_REMOVED, VIRTIO_MSG_DEVICE_READY));
  const auto fresh = rig_.set_up(1);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(rig_.echo(*fresh, "new"), "new");
}

TEST_F(RestartTest, DriverThatRestartedMeanwhileGetsANewEpoch) {
  run();
  const uint32_t epoch = rig_.link().epoch();
  rig_.kill_link();
  rig_.restart_driver();
  rig_.driver().begin();
  rig_.start_link();
  ASSERT_TRUE(rig_.driver().connect());
  EXPECT_NE(rig_.link().epoch(), epoch);
  EXPECT_EQ(rig_.driver().status(1), 0U);
}

TEST_F(RestartTest, OtherWireLayoutBeginsANewEpoch) {
  run();
  rig_.kill_link();
  rig_.options().layout = WireLayout::kL1;
  EXPECT_FALSE(rig_.start_link());
  ASSERT_TRUE(rig_.driver().wait_for([&] { return rig_.link().status() == LinkStatus::kRun; }));
  EXPECT_TRUE(rig_.set_up(1));
}

TEST_F(RestartTest, DamagedRecordsCostOnlyTheirDevice) {
  run();
  rig_.settle();
  rig_.kill_link();
  // Every byte of both copies of device 1, and nothing of device 2.
  const uint64_t table = read_layout(rig_.region())->device_private.offset;
  const Extent record = StateRecords::place(1);
  for (uint64_t at = record.offset; at < record.end(); ++at) {
    rig_.region()[table + at] ^= std::byte{0x5a};
  }
  ASSERT_TRUE(rig_.start_link());
  EXPECT_EQ(rig_.link().counters().records_rejected, 1U);
  EXPECT_EQ(rig_.device(1).starts(), 0);
  EXPECT_EQ(rig_.echo(*two_, "unharmed"), "unharmed");
}

// Turns are cut at any call, in any order, with any number of requests under way.
TEST_F(RestartTest, NothingIsLostOrDoubledWhereverTheHelperStops) {
  run();
  std::mt19937 random(20261121);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  Traffic one(rig_, *one_);
  Traffic two(rig_, *two_);
  int restarts = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (chance(30)) one.submit();
    if (chance(30)) two.submit();
    if (chance(50)) rig_.service();
    if (chance(50)) rig_.flush();
    if (chance(10)) rig_.device(1).hold(chance(50));
    if (chance(20)) rig_.device(1).answer_held();
    if (chance(30)) rig_.driver().poll();
    if (chance(30)) one.collect();
    if (chance(30)) two.collect();
    if (chance(3)) {
      rig_.kill_link();
      ASSERT_TRUE(rig_.start_link());
      ++restarts;
    }
  }
  rig_.kill_link();
  ASSERT_TRUE(rig_.start_link());
  rig_.settle();
  one.collect();
  two.collect();
  EXPECT_EQ(one.open(), 0U);
  EXPECT_EQ(two.open(), 0U);
  EXPECT_GT(restarts, 300);
  EXPECT_GT(one.submitted(), 1000);
  EXPECT_EQ(rig_.driver().status(), LinkStatus::kRun);
  EXPECT_EQ(rig_.observer().count(Event::kNeedsReset), 0);
}

// The device side as a process that is really killed.
class KilledHelper {
 public:
  KilledHelper() {
    write_layout(memory_.bytes(), *plan_layout({.region_size = LinkRig::kRegionSize}));
    fork_helper();
  }
  ~KilledHelper() { kill_helper(); }

  MsgDriver::Options options() {
    return {.ring = [](uint32_t) {},
            .pump = [this] { maybe_kill(); },
            .now = &now,
            .patience = 1'000'000};
  }
  std::span<std::byte> region() { return memory_.bytes(); }
  int kills() const { return kills_; }
  void kill_one_in(unsigned pumps) { one_in_ = pumps; }

 private:
  static Time now() {
    return static_cast<Time>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  void maybe_kill() {
    sched_yield();
    if (one_in_ == 0 || random_() % one_in_ != 0) return;
    kill_helper();
    fork_helper();
    ++kills_;
  }
  void kill_helper() const {
    kill(helper_, SIGKILL);
    waitpid(helper_, nullptr, 0);
  }
  void fork_helper() {
    helper_ = fork();
    if (helper_ == 0) serve();
  }
  [[noreturn]] void serve() {
    CountingDoorbell doorbell;
    RecordingObserver observer;
    std::array<EchoDevice, 2> devices;
    const auto link = std::make_unique<MsgLink>();
    if (!link->attach(region(), doorbell, observer, {})) _exit(1);
    for (uint16_t i = 0; i < devices.size(); ++i) {
      if (!link->add_device(i, devices[i], LinkRig::kDeviceMemory)) _exit(1);
    }
    link->start(now());
    while (getppid() != 1) {
      link->service(now(), 16);
      if (!link->flush()) sched_yield();
    }
    _exit(0);
  }

  DriverMemory memory_{LinkRig::kRegionSize};
  pid_t helper_ = -1;
  std::mt19937 random_{20261121};
  unsigned one_in_ = 0;
  int kills_ = 0;
};

// Requests and answers under way at all times, through one round of a device's life.
void exercise(MsgDriver& driver, DriverDevice& device, int requests) {
  DriverQueue& queue = *device.queues[0];
  const Buffer out{device.memory->allocate(64 * 8), 8};
  const Buffer in{device.memory->allocate(64 * 8), 8};
  std::map<uint16_t, uint64_t> open;
  std::vector<unsigned> free(64 / 2);
  std::iota(free.begin(), free.end(), 0U);
  std::map<uint16_t, unsigned> place;
  int sent = 0;
  int answered = 0;
  const bool finished = driver.wait_for([&] {
    while (sent < requests && !free.empty()) {
      const unsigned at = free.back();
      const uint64_t number = 0x1000 + static_cast<uint64_t>(sent);
      const Buffer readable{out.address + 8 * at, 8};
      const Buffer writable{in.address + 8 * at, 8};
      store_le(device.memory->at(readable.address), number);
      store_le(device.memory->at(writable.address), uint64_t{0});
      const auto id = queue.add(std::span(&readable, 1), std::span(&writable, 1));
      if (!id) break;
      free.pop_back();
      open[*id] = number;
      place[*id] = at;
      ++sent;
      queue.publish();
      if (queue.kick_needed()) driver.kick(device.number, 0);
    }
    while (const auto used = queue.get_used()) {
      const auto request = open.extract(used->id);
      EXPECT_FALSE(request.empty()) << "answered twice";
      if (request.empty()) return true;
      const unsigned at = place[used->id];
      EXPECT_EQ(load_le<uint64_t>(device.memory->at(in.address + 8 * at)), request.mapped());
      free.push_back(at);
      ++answered;
    }
    return answered == requests;
  });
  EXPECT_TRUE(finished) << "lost " << sent - answered << " of " << sent;
}

TEST(KilledHelperTest, DriverLosesNothing) {
  KilledHelper helper;
  MsgDriver driver(helper.region(), helper.options());
  ASSERT_TRUE(driver.connect());
  helper.kill_one_in(20);
  for (int round = 0; round < 20; ++round) {
    for (const uint64_t features : {kFeatureEventIdx, kFeatureEventIdx | kFeatureRingPacked}) {
      const auto device = driver.set_up(static_cast<uint16_t>(round % 2), features);
      ASSERT_TRUE(device) << "round " << round;
      exercise(driver, *device, 300);
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_EQ(driver.status(), LinkStatus::kRun);
  EXPECT_GT(helper.kills(), 50);
}

}  // namespace
}  // namespace stratos::test
