// SPDX-License-Identifier: Apache-2.0
// The table of Documentation/transport.rst, "Link states", row by row, and two machines
// against each other.

#include "virtio/link_machine.h"

#include <gtest/gtest.h>

#include <random>

#include "driver_memory.h"

namespace stratos::test {
namespace {

using namespace virtio;

constexpr Time kSecond = 1'000'000'000;
constexpr uint32_t kPeerEpoch = 40;

class LinkMachineTest : public testing::Test {
 protected:
  LinkMachineTest() : layout_(*plan_layout({.region_size = kSize})) {
    endpoint_.attach(memory_.bytes(), layout_, Role::kDevice);
    machine_.attach(endpoint_, kSecond / 2, 5 * kSecond);
  }
  SharedWord16 word16(uint64_t offset) { return SharedWord16(memory_.bytes().data() + offset); }
  SharedWord32 word32(uint64_t offset) { return SharedWord32(memory_.bytes().data() + offset); }

  void peer_is(LinkStatus status, uint32_t epoch = kPeerEpoch, uint16_t bits = 0) {
    word32(layout_.driver.side.offset).store(epoch);
    word16(layout_.driver.head.offset + 2).store(static_cast<uint16_t>(bits | uint16_t(status)));
    word16(layout_.driver.head.offset).store(VIRTIO_MSG_AMP_HEAD_MAGIC);
  }
  void peer_beats(uint32_t value) {
    word32(layout_.driver.side.offset + offsetof(virtio_msg_stratos_side, heartbeat)).store(value);
  }
  LinkChange step() { return machine_.step(now_); }
  // Brings the machine to RUN.
  void run() {
    machine_.begin(now_);
    peer_is(LinkStatus::kReady);
    step();
    ASSERT_EQ(step(), LinkChange::kRunning);
  }
  LinkStatus published() {
    return static_cast<LinkStatus>(word16(layout_.device.head.offset + 2).load());
  }

  static constexpr size_t kSize = 1 << 20;
  DriverMemory memory_{kSize};
  Layout layout_;
  MsgEndpoint endpoint_;
  LinkMachine machine_;
  Time now_ = 100 * kSecond;
};

struct Row {
  const char* name;
  LinkStatus from;
  LinkStatus peer;
  uint32_t peer_epoch;
  LinkChange change;
  LinkStatus to;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class LinkMachineRow : public LinkMachineTest, public testing::WithParamInterface<Row> {};

TEST_P(LinkMachineRow, IsFollowed) {
  const Row& row = GetParam();
  machine_.begin(now_);
  if (row.from != LinkStatus::kInit) {
    peer_is(LinkStatus::kInit);
    ASSERT_EQ(step(), LinkChange::kReady);
  }
  if (row.from == LinkStatus::kRun || row.from == LinkStatus::kPeerDead) {
    peer_is(LinkStatus::kRun);
    ASSERT_EQ(step(), LinkChange::kRunning);
  }
  if (row.from == LinkStatus::kPeerDead) {
    peer_is(LinkStatus::kShutdown);
    ASSERT_EQ(step(), LinkChange::kPeerShutdown);
  }
  if (row.from == LinkStatus::kShutdown) machine_.leave();
  ASSERT_EQ(published(), row.from);
  const uint32_t epoch = endpoint_.epoch();

  peer_is(row.peer, row.peer_epoch);
  EXPECT_EQ(step(), row.change);
  EXPECT_EQ(published(), row.to);
  EXPECT_EQ(endpoint_.status(), row.to);
  const bool anew = row.from != LinkStatus::kInit && row.to == LinkStatus::kInit;
  EXPECT_EQ(endpoint_.epoch() != epoch, anew);
  if (anew) {
    EXPECT_EQ(endpoint_.peer_epoch(), 0U);
  }
  if (row.to == LinkStatus::kRun) {
    EXPECT_EQ(endpoint_.peer_epoch(), row.peer_epoch);
  }
}

constexpr auto kInit = LinkStatus::kInit;
constexpr auto kReady = LinkStatus::kReady;
constexpr auto kRun = LinkStatus::kRun;
constexpr auto kShutdown = LinkStatus::kShutdown;
constexpr auto kPeerDead = LinkStatus::kPeerDead;

INSTANTIATE_TEST_SUITE_P(
    All, LinkMachineRow,
    testing::Values(
        Row{"InitSeesInit", kInit, kInit, kPeerEpoch, LinkChange::kReady, kReady},
        Row{"InitSeesReady", kInit, kReady, kPeerEpoch, LinkChange::kReady, kReady},
        Row{"InitSeesRun", kInit, kRun, kPeerEpoch, LinkChange::kNothing, kInit},
        Row{"InitSeesShutdown", kInit, kShutdown, kPeerEpoch, LinkChange::kNothing, kInit},
        Row{"InitSeesPeerDead", kInit, kPeerDead, kPeerEpoch, LinkChange::kNothing, kInit},
        Row{"ReadySeesInit", kReady, kInit, kPeerEpoch, LinkChange::kNothing, kReady},
        Row{"ReadySeesReady", kReady, kReady, kPeerEpoch, LinkChange::kRunning, kRun},
        Row{"ReadySeesRun", kReady, kRun, kPeerEpoch, LinkChange::kRunning, kRun},
        Row{"ReadySeesShutdown", kReady, kShutdown, kPeerEpoch, LinkChange::kNothing, kReady},
        Row{"RunSeesRun", kRun, kRun, kPeerEpoch, LinkChange::kNothing, kRun},
        Row{"RunSeesReady", kRun, kReady, kPeerEpoch, LinkChange::kNothing, kRun},
        Row{"RunSeesInit", kRun, kInit, kPeerEpoch, LinkChange::kPeerRestarted, kInit},
        Row{"RunSeesOtherEpoch", kRun, kRun, kPeerEpoch + 1, LinkChange::kPeerRestarted, kInit},
        Row{"RunSeesShutdown", kRun, kShutdown, kPeerEpoch, LinkChange::kPeerShutdown, kPeerDead},
        Row{"DeadSeesNothingNew", kPeerDead, kShutdown, kPeerEpoch, LinkChange::kNothing,
            kPeerDead},
        Row{"DeadSeesOtherEpoch", kPeerDead, kInit, kPeerEpoch + 1, LinkChange::kPeerBack, kInit},
        Row{"LeftForGood", kShutdown, kInit, kPeerEpoch + 1, LinkChange::kNothing, kShutdown}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(LinkMachineTest, PeerWithoutMagicIsNotThere) {
  machine_.begin(now_);
  EXPECT_EQ(step(), LinkChange::kNothing);
  EXPECT_EQ(published(), LinkStatus::kInit);
  word16(layout_.driver.head.offset).store(0x514e);
  EXPECT_EQ(step(), LinkChange::kNothing);
}

TEST_F(LinkMachineTest, ReadyMeansCleanQueues) {
  machine_.begin(now_);
  for (uint64_t at = 0; at < layout_.device.notif.size; ++at) {
    memory_.bytes()[layout_.device.notif.offset + at] = std::byte{0xff};
  }
  word16(layout_.device.head.offset + 4).store(3);
  word16(layout_.device.head.offset + 6).store(5);
  peer_is(LinkStatus::kInit);
  EXPECT_EQ(step(), LinkChange::kReady);
  for (uint64_t at = 0; at < layout_.device.notif.size; ++at) {
    EXPECT_EQ(memory_.bytes()[layout_.device.notif.offset + at], std::byte{0});
  }
  EXPECT_EQ(word16(layout_.device.head.offset + 4).load(), 0);
  EXPECT_EQ(word16(layout_.device.head.offset + 6).load(), 0);
}

TEST_F(LinkMachineTest, SilentPeerIsDeadAfterTheDeadTime) {
  run();
  now_ += 5 * kSecond - 1;
  EXPECT_EQ(step(), LinkChange::kNothing);
  peer_beats(1);
  EXPECT_EQ(step(), LinkChange::kNothing);
  now_ += 5 * kSecond - 1;
  EXPECT_EQ(step(), LinkChange::kNothing);
  EXPECT_LE(machine_.next_deadline(), now_ + 1);
  now_ += 1;
  EXPECT_EQ(step(), LinkChange::kPeerDead);
  EXPECT_EQ(published(), LinkStatus::kPeerDead);
  EXPECT_EQ(step(), LinkChange::kNothing);
  peer_beats(2);
  EXPECT_EQ(step(), LinkChange::kPeerBack);
  EXPECT_EQ(published(), LinkStatus::kInit);
}

TEST_F(LinkMachineTest, PauseOfOurOwnIsNotThePeersDeath) {
  run();
  now_ += 60 * kSecond;
  peer_beats(120);
  EXPECT_EQ(step(), LinkChange::kNothing);
}

TEST_F(LinkMachineTest, DebuggedPeerIsNeverDead) {
  run();
  peer_is(LinkStatus::kRun, kPeerEpoch, VIRTIO_MSG_AMP_DEBUGGED);
  now_ += 100 * kSecond;
  EXPECT_EQ(step(), LinkChange::kNothing);
}

TEST_F(LinkMachineTest, StandardPeerIsNeverDeadAndMayRestart) {
  machine_.begin(now_);
  peer_is(LinkStatus::kReady, 0);
  step();
  ASSERT_EQ(step(), LinkChange::kRunning);
  now_ += 100 * kSecond;
  EXPECT_EQ(step(), LinkChange::kNothing);
  peer_is(LinkStatus::kShutdown, 0);
  EXPECT_EQ(step(), LinkChange::kPeerShutdown);
  peer_is(LinkStatus::kInit, 0);
  EXPECT_EQ(step(), LinkChange::kPeerBack);
}

TEST_F(LinkMachineTest, HeartbeatFollowsTheClock) {
  run();
  const auto beat = [&] {
    return word32(layout_.device.side.offset + offsetof(virtio_msg_stratos_side, heartbeat)).load();
  };
  const uint32_t before = beat();
  step();
  EXPECT_EQ(beat(), before);
  now_ = machine_.next_deadline();
  step();
  EXPECT_EQ(beat(), before + 1);
}

// Whatever dies, comes back or steps first: in the end both run, bound to each other.
TEST(LinkMachinePairTest, AlwaysMeetsAgain) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    DriverMemory memory(1 << 20);
    const Layout layout = *plan_layout({.region_size = 1 << 20});
    Time now = kSecond;
    struct Side {
      MsgEndpoint endpoint;
      LinkMachine machine;
    } sides[2];
    const auto begin = [&](int which) {
      sides[which].endpoint.attach(memory.bytes(), layout,
                                   which == 0 ? Role::kDevice : Role::kDriver);
      sides[which].machine.attach(sides[which].endpoint, kSecond / 4, 5 * kSecond);
      sides[which].machine.begin(now);
    };
    begin(0);
    begin(1);
    for (int step = 0; step < 40; ++step) {
      now += kSecond / 8;
      const int which = static_cast<int>(random() % 2);
      if (random() % 8 == 0) begin(which);
      sides[which].machine.step(now);
      if (random() % 16 == 0) now += 6 * kSecond;
    }
    for (int step = 0; step < 100; ++step) {
      now += kSecond / 8;
      sides[step % 2].machine.step(now);
    }
    for (int which = 0; which < 2; ++which) {
      const MsgEndpoint& self = sides[which].endpoint;
      EXPECT_EQ(self.status(), LinkStatus::kRun) << "round " << round;
      EXPECT_EQ(self.peer_epoch(), sides[1 - which].endpoint.epoch());
    }
  }
}

}  // namespace
}  // namespace stratos::test
