// SPDX-License-Identifier: Apache-2.0
// When one side has to tell the other, in both directions.

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Chain;
using virtio::PopResult;
using virtio::QueueError;

class QueueNotify : public testing::TestWithParam<virtio::QueueSetup> {
 protected:
  void SetUp() override {
    ASSERT_EQ(rig_.start(), QueueError::kNone);
    buffer_ = rig_.buffer(16);
  }
  // Serves one chain and publishes it; the driver may not have looked.
  void serve() {
    rig_.offer({buffer_}, {});
    serve_offered();
  }
  void serve_offered() {
    rig_.device().push(rig_.pop(), 0);
    rig_.device().publish();
  }
  void drain_used() {
    while (rig_.driver().get_used()) {
    }
  }
  void drain_avail() {
    Chain chain;
    while (rig_.device().pop(chain) == PopResult::kChain) rig_.device().push(chain, 0);
    rig_.device().publish();
  }

  QueueRig rig_{GetParam()};
  Buffer buffer_;
};

TEST_P(QueueNotify, DriverHearsOfTheNextUsedChain) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(rig_.driver().enable_notifications());
    serve();
    EXPECT_TRUE(rig_.device().should_notify()) << i;
    EXPECT_FALSE(rig_.device().should_notify()) << "asked twice for the same";
    drain_used();
  }
}

TEST_P(QueueNotify, DriverThatDoesNotWantToHearIsLeftAlone) {
  EXPECT_FALSE(rig_.driver().enable_notifications());
  serve();
  EXPECT_TRUE(rig_.device().should_notify());
  rig_.driver().disable_notifications();
  for (int i = 0; i < 50; ++i) {
    serve();
    EXPECT_FALSE(rig_.device().should_notify()) << i;
    drain_used();
  }
}

TEST_P(QueueNotify, DriverFindsWhatCameBeforeItAsked) {
  rig_.driver().disable_notifications();
  serve();
  rig_.device().should_notify();
  EXPECT_TRUE(rig_.driver().enable_notifications());
  drain_used();
  EXPECT_FALSE(rig_.driver().enable_notifications());
}

TEST_P(QueueNotify, PublishedInSeveralBatchesIsAskedForOnce) {
  EXPECT_FALSE(rig_.driver().enable_notifications());
  serve();
  serve();
  serve();
  EXPECT_TRUE(rig_.device().should_notify());
  EXPECT_FALSE(rig_.device().should_notify());
}

TEST_P(QueueNotify, DeviceHearsOfTheNextChain) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(rig_.device().enable_notifications());
    rig_.offer({buffer_}, {});
    EXPECT_TRUE(rig_.driver().kick_needed()) << i;
    drain_avail();
    drain_used();
  }
}

TEST_P(QueueNotify, DeviceThatDoesNotWantToHearIsLeftAlone) {
  EXPECT_FALSE(rig_.device().enable_notifications());
  rig_.offer({buffer_}, {});
  EXPECT_TRUE(rig_.driver().kick_needed());
  rig_.device().disable_notifications();
  for (int i = 0; i < 50; ++i) {
    rig_.offer({buffer_}, {});
    EXPECT_FALSE(rig_.driver().kick_needed()) << i;
    drain_avail();
    drain_used();
  }
}

TEST_P(QueueNotify, DeviceFindsWhatCameBeforeItAsked) {
  rig_.device().disable_notifications();
  rig_.offer({buffer_}, {});
  rig_.driver().kick_needed();
  EXPECT_TRUE(rig_.device().enable_notifications());
  drain_avail();
  EXPECT_FALSE(rig_.device().enable_notifications());
}

TEST_P(QueueNotify, DeviceFindsWhatItPutBack) {
  rig_.offer({buffer_}, {});
  rig_.device().unpop(rig_.pop());
  EXPECT_TRUE(rig_.device().enable_notifications());
}

// 2^16 used chains without being asked are more than the formula can count.
TEST_P(QueueNotify, NotAskingForLongDoesNotLoseANotification) {
  EXPECT_FALSE(rig_.driver().enable_notifications());
  for (uint32_t i = 0; i < 65536; ++i) {
    serve();
    drain_used();
  }
  if (GetParam().event_idx) {
    EXPECT_TRUE(rig_.device().should_notify());
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, QueueNotify,
                         testing::Values(split_features(8), split_features(8, false),
                                         packed_features(8), packed_features(8, false),
                                         packed_features(5)),
                         features_name);

// The event may lie anywhere: exactly when it is crossed the driver hears.
TEST(SplitQueueNotify, EventIsCrossedByABatch) {
  QueueRig rig(split_features(16));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  const Buffer buffer = rig.buffer(16);
  uint16_t used = 0;
  for (uint32_t turn = 0; turn < 40000; ++turn) {
    const auto batch = static_cast<uint16_t>(1 + turn % 5);
    const auto event = static_cast<uint16_t>(used + turn % 7 - 1);
    for (uint16_t i = 0; i < batch; ++i) rig.offer({buffer}, {});
    rig.split().used_event().store(event);
    for (uint16_t i = 0; i < batch; ++i) rig.device().push(rig.pop(), 0);
    rig.device().publish();
    const bool crossed = turn % 7 >= 1 && turn % 7 - 1 < batch;
    ASSERT_EQ(rig.device().should_notify(), crossed) << turn << " used " << used;
    used = static_cast<uint16_t>(used + batch);
    for (uint16_t i = 0; i < batch; ++i) ASSERT_TRUE(rig.driver().get_used());
  }
}

TEST(PackedQueueNotify, EventIsCrossedByABatch) {
  constexpr uint16_t kSize = 13;
  QueueRig rig(packed_features(kSize));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  const Buffer buffer = rig.buffer(16);
  virtio::PackedPosition used;
  for (uint32_t turn = 0; turn < 40000; ++turn) {
    const auto batch = static_cast<uint16_t>(1 + turn % 5);
    virtio::PackedPosition event = used;
    event.advance(turn % 7, kSize);
    for (uint16_t i = 0; i < batch; ++i) rig.offer({buffer}, {});
    rig.packed().driver_event_offset().store(
        static_cast<uint16_t>(event.slot | (event.wrap ? 0x8000 : 0)));
    rig.packed().driver_event_flags().store(2);
    for (uint16_t i = 0; i < batch; ++i) rig.device().push(rig.pop(), 0);
    rig.device().publish();
    ASSERT_EQ(rig.device().should_notify(), turn % 7 < batch) << turn;
    used.advance(batch, kSize);
    for (uint16_t i = 0; i < batch; ++i) ASSERT_TRUE(rig.driver().get_used());
  }
}

// A chain takes several slots; the event may lie in the middle of it.
TEST(PackedQueueNotify, EventInsideAChainIsCrossed) {
  QueueRig rig(packed_features(8));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  const Buffer buffer = rig.buffer(16);
  for (const int event : {0, 1, 2, 3}) {
    rig.start();
    std::ranges::fill(rig.memory().bytes().first(4096), std::byte{0});
    for (uint16_t slot = 0; slot < 3; ++slot) {
      const auto flags =
          static_cast<uint16_t>(virtio::kDescAvail | (slot < 2 ? virtio::kDescNext : 0));
      rig.packed().poke(slot, {buffer.address, 16, flags, 0});
    }
    rig.packed().driver_event_offset().store(static_cast<uint16_t>(event | 0x8000));
    rig.packed().driver_event_flags().store(2);
    rig.device().push(rig.pop(), 0);
    rig.device().publish();
    EXPECT_EQ(rig.device().should_notify(), event < 3) << event;
  }
}

// With EVENT_IDX a split device has to keep its flags at 0.
TEST(SplitQueueNotify, FlagsStayZeroWithEventIdx) {
  QueueRig rig(split_features(8));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  rig.device().disable_notifications();
  EXPECT_EQ(rig.split().used_flags().load(), 0);
  rig.device().enable_notifications();
  EXPECT_EQ(rig.split().used_flags().load(), 0);
}

TEST(PackedQueueNotify, ReservedFlagsCannotSilenceTheDevice) {
  QueueRig rig(packed_features(8));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  rig.packed().driver_event_flags().store(3);
  rig.offer({rig.buffer(16)}, {});
  rig.device().push(rig.pop(), 0);
  rig.device().publish();
  EXPECT_TRUE(rig.device().should_notify());
}

}  // namespace
}  // namespace stratos::test
