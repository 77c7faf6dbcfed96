// SPDX-License-Identifier: Apache-2.0
// Everything a driver can do wrong with a split queue.

#include <functional>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Descriptor;
using virtio::kDescIndirect;
using virtio::kDescNext;
using virtio::kDescWrite;
using virtio::QueueError;

constexpr uint16_t kSize = 8;
constexpr size_t kMemory = size_t{1} << 30;
constexpr uint32_t kAlmostAll = kMemory - 4096;
constexpr uint64_t kBuffer = 0x80000;
constexpr uint64_t kTable = 0x90000;

struct Case {
  const char* name;
  QueueError error;
  // Breaks the rule; the queue is started already.
  std::function<void(QueueRig&)> act;
  uint16_t size = kSize;
  bool indirect = true;
};

// Offers head 0 with these descriptors in the table, from index 0 on.
std::function<void(QueueRig&)> table(std::vector<Descriptor> descriptors) {
  return [descriptors](QueueRig& rig) {
    uint16_t index = 0;
    for (const Descriptor& descriptor : descriptors) rig.split().poke(index++, descriptor);
    rig.split().offer(0);
    rig.driver().publish();
  };
}

// Offers an indirect descriptor of `size` bytes for a table with these descriptors.
std::function<void(QueueRig&)> indirect(std::vector<Descriptor> descriptors, uint32_t size) {
  return [descriptors, size](QueueRig& rig) {
    uint64_t at = kTable;
    for (const Descriptor& descriptor : descriptors) {
      rig.split().poke_at(at, descriptor);
      at += virtio::kDescriptorSize;
    }
    table({{kTable, size, kDescIndirect, 0}})(rig);
  };
}

void offer_head(QueueRig& rig, uint16_t head) {
  rig.split().offer(head);
  rig.driver().publish();
}

// `count` segments in a line, the last one without NEXT.
std::vector<Descriptor> line(uint16_t count, Descriptor descriptor) {
  std::vector<Descriptor> result;
  for (uint16_t i = 1; i <= count; ++i) {
    descriptor.link = i;
    descriptor.flags = static_cast<uint16_t>(i == count ? descriptor.flags & ~kDescNext
                                                        : descriptor.flags | kDescNext);
    result.push_back(descriptor);
  }
  return result;
}

const Case kCases[] = {
    {"AvailIndexJumps", QueueError::kAvailIndex,
     [](QueueRig& rig) { rig.split().avail_idx().store(kSize + 1); }},
    {"AvailIndexJumpsFar", QueueError::kAvailIndex,
     [](QueueRig& rig) { rig.split().avail_idx().store(0x8000); }},
    {"AvailIndexGoesBack", QueueError::kAvailIndex,
     [](QueueRig& rig) {
       rig.offer({{kBuffer, 16}}, {});
       rig.pop();
       rig.split().avail_idx().store(0);
     }},
    {"MoreAvailableThanHeadsAreLeft", QueueError::kAvailIndex,
     [](QueueRig& rig) {
       for (int i = 0; i < 4; ++i) {
         rig.offer({{kBuffer, 16}}, {});
         rig.pop();
       }
       rig.split().avail_idx().store(4 + 5);
     }},
    {"HeadIsTableSize", QueueError::kHead, [](QueueRig& rig) { offer_head(rig, kSize); }},
    {"HeadIsFarAway", QueueError::kHead, [](QueueRig& rig) { offer_head(rig, 0xffff); }},
    {"NextIsTableSize", QueueError::kNext, table({{kBuffer, 16, kDescNext, kSize}})},
    {"NextIsFarAway", QueueError::kNext, table({{kBuffer, 16, kDescNext, 0xffff}})},
    {"LoopToItself", QueueError::kChainTooLong, table({{kBuffer, 16, kDescNext, 0}})},
    {"LoopOfTwo", QueueError::kChainTooLong,
     table({{kBuffer, 16, kDescNext, 1}, {kBuffer, 16, kDescNext, 0}})},
    {"LoopAtTheEnd", QueueError::kChainTooLong,
     table({{kBuffer, 16, kDescNext, 1}, {kBuffer, 16, kDescNext, 1}})},
    {"TooManySegments", QueueError::kChainTooLong, table(line(65, {kBuffer, 16, 0, 0})), 128},
    {"SegmentBehindTheMemory", QueueError::kSegmentBounds, table({{kMemory, 16, 0, 0}})},
    {"SegmentCrossesTheEnd", QueueError::kSegmentBounds, table({{kMemory - 15, 16, 0, 0}})},
    {"SegmentWrapsAround", QueueError::kSegmentBounds, table({{~uint64_t{0} - 7, 16, 0, 0}})},
    {"SegmentAtZero", QueueError::kSegmentBounds, table({{0, 16, 0, 0}})},
    {"SecondSegmentOutside", QueueError::kSegmentBounds,
     table({{kBuffer, 16, kDescNext, 1}, {kMemory, 16, 0, 0}})},
    {"SegmentEmpty", QueueError::kSegmentEmpty, table({{kBuffer, 0, 0, 0}})},
    {"WritableSegmentEmpty", QueueError::kSegmentEmpty,
     table({{kBuffer, 16, kDescNext, 1}, {kBuffer, 0, kDescWrite, 0}})},
    {"ChainOfMoreThan4GiB", QueueError::kChainSize, table(line(5, {64, kAlmostAll, 0, 0}))},
    {"ChainOfMoreThan4GiBInBothDirections", QueueError::kChainSize,
     table({{64, kAlmostAll, kDescNext, 1},
            {64, kAlmostAll, kDescNext, 2},
            {64, kAlmostAll, kDescNext | kDescWrite, 3},
            {64, kAlmostAll, kDescNext | kDescWrite, 4},
            {64, kAlmostAll, kDescWrite, 0}})},
    {"ReadableAfterWritable", QueueError::kReadableAfterWritable,
     table({{kBuffer, 16, kDescNext | kDescWrite, 1}, {kBuffer, 16, 0, 0}})},
    {"IndirectNotNegotiated", QueueError::kIndirectNotNegotiated,
     indirect({{kBuffer, 16, 0, 0}}, 16), kSize, false},
    {"IndirectNested", QueueError::kIndirectNested, indirect({{kTable, 16, kDescIndirect, 0}}, 16)},
    {"IndirectNestedLater", QueueError::kIndirectNested,
     indirect({{kBuffer, 16, kDescNext, 1}, {kTable, 16, kDescIndirect, 0}}, 32)},
    {"IndirectWithNext", QueueError::kIndirectWithNext,
     table({{kTable, 16, kDescIndirect | kDescNext, 1}, {kBuffer, 16, 0, 0}})},
    {"IndirectSizeZero", QueueError::kIndirectSize, indirect({{kBuffer, 16, 0, 0}}, 0)},
    {"IndirectSizeOdd", QueueError::kIndirectSize, indirect({{kBuffer, 16, 0, 0}}, 24)},
    {"IndirectTooLong", QueueError::kIndirectSize,
     indirect({{kBuffer, 16, 0, 0}}, (virtio::kMaxSegments + 1) * 16)},
    {"IndirectHuge", QueueError::kIndirectSize, indirect({{kBuffer, 16, 0, 0}}, 0xfffffff0)},
    {"IndirectOutside", QueueError::kIndirectBounds, table({{kMemory - 16, 32, kDescIndirect, 0}})},
    {"IndirectAtZero", QueueError::kIndirectBounds, table({{0, 32, kDescIndirect, 0}})},
    {"IndirectNextIsTableSize", QueueError::kNext, indirect({{kBuffer, 16, kDescNext, 1}}, 16)},
    {"IndirectLoop", QueueError::kChainTooLong, indirect({{kBuffer, 16, kDescNext, 0}}, 16)},
    {"IndirectAfterTooManySegments", QueueError::kChainTooLong,
     [](QueueRig& rig) {
       for (const Descriptor& entry : line(64, {kBuffer, 16, 0, 0})) {
         rig.split().poke_at(kTable + (entry.link - 1U) * 16, entry);
       }
       table({{kBuffer, 16, kDescNext, 1}, {kTable, 64 * 16, kDescIndirect, 0}})(rig);
     }},
    {"IndirectSegmentOutside", QueueError::kSegmentBounds, indirect({{kMemory, 16, 0, 0}}, 16)},
    {"IndirectSegmentEmpty", QueueError::kSegmentEmpty, indirect({{kBuffer, 0, 0, 0}}, 16)},
    {"IndirectReadableAfterWritable", QueueError::kReadableAfterWritable,
     indirect({{kBuffer, 16, kDescNext | kDescWrite, 1}, {kBuffer, 16, 0, 0}}, 32)},
    {"DirectWritableThenIndirectReadable", QueueError::kReadableAfterWritable,
     [](QueueRig& rig) {
       rig.split().poke_at(kTable, {kBuffer, 16, 0, 0});
       table({{kBuffer, 16, kDescNext | kDescWrite, 1}, {kTable, 16, kDescIndirect, 0}})(rig);
     }},
    {"UnknownFlag", QueueError::kFlags, table({{kBuffer, 16, 8, 0}})},
    {"PackedFlags", QueueError::kFlags, table({{kBuffer, 16, virtio::kDescAvail, 0}})},
    {"UnknownFlagInTable", QueueError::kFlags, indirect({{kBuffer, 16, 0x4000, 0}}, 16)},
    {"DoubleUse", QueueError::kDoubleUse,
     [](QueueRig& rig) {
       rig.offer({{kBuffer, 16}}, {});
       offer_head(rig, rig.pop().id());
     }},
    {"DoubleUseAfterUnpop", QueueError::kDoubleUse,
     [](QueueRig& rig) {
       rig.offer({{kBuffer, 16}}, {});
       rig.device().unpop(rig.pop());
       offer_head(rig, rig.pop().id());
     }},
};

class SplitQueueError : public testing::TestWithParam<Case> {};

TEST_P(SplitQueueError, BreaksTheQueueAndNothingElse) {
  virtio::QueueSetup features = split_features(GetParam().size);
  features.indirect = true;
  QueueRig rig(features, kMemory);
  rig.setup.indirect = GetParam().indirect;
  ASSERT_EQ(rig.start(), QueueError::kNone);
  GetParam().act(rig);

  virtio::Chain chain;
  ASSERT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
  EXPECT_STREQ(to_string(rig.device().error()), to_string(GetParam().error));

  // From here on the device leaves the memory alone.
  EXPECT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
  rig.device().push(chain, 1);
  rig.device().unpop(chain);
  EXPECT_FALSE(rig.device().publish());
  EXPECT_FALSE(rig.device().should_notify());
  EXPECT_FALSE(rig.device().enable_notifications());
  EXPECT_EQ(rig.split().used_idx().load(), 0);
  EXPECT_STREQ(to_string(rig.device().error()), to_string(GetParam().error));
  EXPECT_TRUE(rig.device().started());
}

TEST_P(SplitQueueError, StartHeals) {
  QueueRig rig(split_features(GetParam().size), kMemory);
  rig.setup.indirect = GetParam().indirect;
  ASSERT_EQ(rig.start(), QueueError::kNone);
  GetParam().act(rig);
  virtio::Chain chain;
  ASSERT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);

  rig.split().avail_idx().store(1);
  rig.split().avail_entry(0).store(0);
  rig.split().poke(0, {kBuffer, 16, 0, 0});
  ASSERT_EQ(rig.start(), QueueError::kNone);
  rig.device().push(rig.pop(), 0);
  EXPECT_TRUE(rig.device().publish());
}

INSTANTIATE_TEST_SUITE_P(Rules, SplitQueueError, testing::ValuesIn(kCases), kCaseName);

struct StartCase {
  const char* name;
  QueueError error;
  std::function<void(virtio::QueueSetup&)> act;
};

const StartCase kStartCases[] = {
    {"SizeZero", QueueError::kSize, [](auto& setup) { setup.size = 0; }},
    {"SizeNoPowerOfTwo", QueueError::kSize, [](auto& setup) { setup.size = 6; }},
    {"SizeAboveMaximum", QueueError::kSize,
     [](auto& setup) { setup.size = virtio::kMaxQueueSize * 2; }},
    {"SizeMaximumOfTheType", QueueError::kSize, [](auto& setup) { setup.size = 0xffff; }},
    {"TableNotAligned", QueueError::kAlignment, [](auto& setup) { setup.desc += 8; }},
    {"AvailNotAligned", QueueError::kAlignment, [](auto& setup) { setup.driver += 1; }},
    {"UsedNotAligned", QueueError::kAlignment, [](auto& setup) { setup.device += 2; }},
    {"TableAtZero", QueueError::kBounds, [](auto& setup) { setup.desc = 0; }},
    {"AvailAtZero", QueueError::kBounds, [](auto& setup) { setup.driver = 0; }},
    {"UsedAtZero", QueueError::kBounds, [](auto& setup) { setup.device = 0; }},
    {"TableCrossesTheEnd", QueueError::kBounds,
     [](auto& setup) { setup.desc = kMemory - kSize * 16 + 16; }},
    {"AvailCrossesTheEnd", QueueError::kBounds,
     [](auto& setup) { setup.driver = kMemory - (6 + 2 * kSize) + 2; }},
    {"UsedCrossesTheEnd", QueueError::kBounds,
     [](auto& setup) { setup.device = kMemory - (4 + 8 * kSize); }},
    {"TableWrapsAround", QueueError::kBounds, [](auto& setup) { setup.desc = ~uint64_t{15}; }},
};

class SplitQueueStartError : public testing::TestWithParam<StartCase> {};

TEST_P(SplitQueueStartError, RefusesToStart) {
  QueueRig rig(split_features(kSize), kMemory);
  GetParam().act(rig.setup);
  EXPECT_STREQ(to_string(rig.start()), to_string(GetParam().error));
  virtio::Chain chain;
  EXPECT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
  EXPECT_FALSE(rig.device().publish());
}

INSTANTIATE_TEST_SUITE_P(Rules, SplitQueueStartError, testing::ValuesIn(kStartCases), kCaseName);

TEST(SplitQueueStart, AreasMayEndWithTheMemory) {
  QueueRig rig(split_features(kSize), kMemory);
  rig.setup.driver = kMemory - (6 + 2 * kSize);
  EXPECT_EQ(rig.start(), QueueError::kNone);
  rig.setup.desc = kMemory - 16 * kSize;
  EXPECT_EQ(rig.start(), QueueError::kNone);
}

TEST(SplitQueueStart, MisalignedMappingIsRefused) {
  alignas(16) std::array<std::byte, 4096> bytes{};
  const virtio::Window window{0x1000, bytes.size() - 8, bytes.data() + 8};
  virtio::Queue queue;
  const virtio::QueueSetup setup{.size = 4, .desc = 0x1000, .driver = 0x1100, .device = 0x1200};
  EXPECT_EQ(queue.start(virtio::Memory(std::span(&window, 1)), setup, {}), QueueError::kAlignment);
}

TEST(SplitQueueStart, IsNotStartedBeforeAndAfter) {
  QueueRig rig(split_features(kSize));
  EXPECT_FALSE(rig.device().started());
  ASSERT_EQ(rig.start(), QueueError::kNone);
  EXPECT_TRUE(rig.device().started());
  rig.device().stop();
  EXPECT_FALSE(rig.device().started());
  EXPECT_EQ(rig.device().error(), QueueError::kNotStarted);
  virtio::Chain chain;
  EXPECT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
}

}  // namespace
}  // namespace stratos::test
