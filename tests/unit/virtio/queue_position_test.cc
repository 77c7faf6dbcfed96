// SPDX-License-Identifier: Apache-2.0
// Queues that begin where another one stopped, without a record.

#include <array>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::PopResult;
using virtio::Queue;
using virtio::QueueError;
using virtio::QueuePosition;

class QueuePositionTest : public testing::TestWithParam<virtio::QueueSetup> {
 protected:
  // Sends `count` chains there and back.
  void pass(QueueRig& rig, Queue& device, int count) {
    for (int i = 0; i < count; ++i) {
      rig.offer({buffer_}, {});
      virtio::Chain chain;
      ASSERT_EQ(device.pop(chain), PopResult::kChain);
      device.push(chain, 0);
      device.publish();
      ASSERT_TRUE(rig.driver().get_used());
    }
  }
  QueueError start_at(QueueRig& rig, Queue& device, QueuePosition position) {
    virtio::QueueSetup setup = rig.setup;
    setup.begin = position;
    return device.start(rig.memory().memory(), setup, {});
  }
  Buffer buffer_{64, 16};
};

TEST_P(QueuePositionTest, ASuccessorGoesOnWhereTheQueueStopped) {
  QueueRig rig(GetParam());
  ASSERT_EQ(rig.start(), QueueError::kNone);
  EXPECT_EQ(rig.device().position(), QueuePosition());
  pass(rig, rig.device(), 21);
  const QueuePosition position = rig.device().position();
  rig.device().stop();
  EXPECT_EQ(rig.device().position(), position) << "also after stop()";
  Queue successor;
  ASSERT_EQ(start_at(rig, successor, position), QueueError::kNone);
  EXPECT_TRUE(successor.should_notify()) << "the predecessor may have kept it to itself";
  pass(rig, successor, 21);
}

TEST_P(QueuePositionTest, WhatWasPoppedAndNotUsedIsPoppedAgain) {
  QueueRig rig(GetParam());
  ASSERT_EQ(rig.start(), QueueError::kNone);
  pass(rig, rig.device(), 6);
  EXPECT_FALSE(rig.device().holds_chains());
  const uint16_t first = rig.offer({buffer_}, {});
  rig.pop();
  EXPECT_TRUE(rig.device().holds_chains());
  Queue successor;
  ASSERT_EQ(start_at(rig, successor, rig.device().position()), QueueError::kNone);
  virtio::Chain chain;
  ASSERT_EQ(successor.pop(chain), PopResult::kChain);
  EXPECT_EQ(chain.id(), first);
  EXPECT_FALSE(chain.resumed()) << "nobody knows";
}

TEST_P(QueuePositionTest, APositionThatCannotBeIsRefused) {
  QueueRig rig(GetParam());
  const uint16_t beyond = GetParam().packed ? GetParam().size : uint16_t{0x4000};
  Queue device;
  EXPECT_EQ(start_at(rig, device, {.next = beyond}), QueueError::kAvailIndex);
}

TEST_P(QueuePositionTest, ARecordBeginsThereToo) {
  QueueRig rig(GetParam());
  ASSERT_EQ(rig.start(), QueueError::kNone);
  pass(rig, rig.device(), 21);
  const size_t bytes = virtio::InflightTable::bytes(GetParam().size, GetParam().packed);
  const virtio::InflightTable table(
      std::span(rig.memory().at(rig.memory().allocate(bytes, 64)), bytes));
  virtio::QueueSetup setup = rig.setup;
  setup.begin = rig.device().position();
  Queue second;
  ASSERT_EQ(second.start(rig.memory().memory(), setup, table), QueueError::kNone);
  pass(rig, second, 3);
  const uint16_t id = rig.offer({buffer_}, {});
  virtio::Chain chain;
  ASSERT_EQ(second.pop(chain), PopResult::kChain);
  Queue third;
  ASSERT_EQ(third.resume(rig.memory().memory(), rig.setup, table), QueueError::kNone);
  ASSERT_EQ(third.pop(chain), PopResult::kChain);
  EXPECT_EQ(chain.id(), id);
  EXPECT_TRUE(chain.resumed());
}

INSTANTIATE_TEST_SUITE_P(Rings, QueuePositionTest,
                         testing::Values(virtio::QueueSetup{.size = 8},
                                         virtio::QueueSetup{.size = 8, .packed = true}),
                         [](const auto& kind) { return kind.param.packed ? "Packed" : "Split"; });

TEST(SplitQueuePosition, TheRingKnowsBetterThanWhoLookedEarlier) {
  QueueRig rig({.size = 8});
  rig.split().used_idx().store(5);
  rig.split().avail_idx().store(5);
  for (const uint16_t expected : {uint16_t{3}, uint16_t{5}, uint16_t{7}}) {
    virtio::QueueSetup setup = rig.setup;
    setup.begin.next = expected;
    Queue device;
    ASSERT_EQ(device.start(rig.memory().memory(), setup, {}), QueueError::kNone);
    EXPECT_EQ(device.position().next, 5);
  }
}

// ---- Memory in pieces ----

class TwoWindows : public testing::Test {
 protected:
  TwoWindows() {
    windows_ = {virtio::Window{0, 4096, low_.data()}, virtio::Window{4096, 4096, high_.data()}};
  }
  std::array<std::byte, 4096> low_{};
  std::array<std::byte, 4096> high_{};
  std::array<virtio::Window, 2> windows_{};
};

TEST_F(TwoWindows, ZeroIsAnAddressWhereItIsSaid) {
  EXPECT_EQ(virtio::Memory(windows_).at(0, 1), nullptr);
  EXPECT_EQ(virtio::Memory(windows_, true).at(0, 1), low_.data());
}

TEST_F(TwoWindows, ARangeAcrossTwoHasAPieceInEach) {
  const virtio::Memory memory(windows_);
  EXPECT_EQ(memory.at(4000, 200), nullptr);
  EXPECT_EQ(memory.piece(4000, 200).data(), low_.data() + 4000);
  EXPECT_EQ(memory.piece(4000, 200).size(), 96u);
  EXPECT_EQ(memory.piece(4096, 104).data(), high_.data());
  EXPECT_TRUE(memory.piece(8192, 1).empty());
}

}  // namespace
}  // namespace stratos::test
