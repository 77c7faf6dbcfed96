// SPDX-License-Identifier: Apache-2.0
// Everything a driver can do wrong with a packed queue.

#include <functional>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Descriptor;
using virtio::kDescAvail;
using virtio::kDescIndirect;
using virtio::kDescNext;
using virtio::kDescUsed;
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
  std::function<void(QueueRig&)> act;
  uint16_t size = kSize;
  bool indirect = true;
};

// Writes these descriptors from slot 0 on, available in the first lap.
std::function<void(QueueRig&)> ring(std::vector<Descriptor> descriptors) {
  return [descriptors](QueueRig& rig) {
    for (size_t slot = descriptors.size(); slot-- > 0;) {
      Descriptor descriptor = descriptors[slot];
      descriptor.flags |= kDescAvail;
      rig.packed().poke(static_cast<uint16_t>(slot), descriptor);
    }
  };
}

std::function<void(QueueRig&)> indirect(std::vector<Descriptor> descriptors, uint32_t size) {
  return [descriptors, size](QueueRig& rig) {
    uint64_t at = kTable;
    for (const Descriptor& descriptor : descriptors) {
      rig.packed().poke_at(at, descriptor);
      at += virtio::kDescriptorSize;
    }
    ring({{kTable, size, kDescIndirect, 0}})(rig);
  };
}

std::vector<Descriptor> line(uint16_t count, Descriptor descriptor) {
  std::vector<Descriptor> result(count, descriptor);
  for (Descriptor& each : result) each.flags |= kDescNext;
  result.back().flags &= static_cast<uint16_t>(~kDescNext);
  return result;
}

const Case kCases[] = {
    {"MoreAvailableThanSlots", QueueError::kAvailIndex,
     [](QueueRig& rig) {
       std::vector<Descriptor> lap;
       for (uint16_t id = 0; id < kSize; ++id) lap.push_back({kBuffer, 16, 0, id});
       ring(lap)(rig);
       for (uint16_t i = 0; i < kSize; ++i) rig.pop();
       // Available in the second lap, though slot 0 is not used yet.
       rig.packed().poke(0, {kBuffer, 16, kDescUsed, 0});
     }},
    {"ChainLongerThanRoom", QueueError::kChainTooLong,
     [](QueueRig& rig) {
       rig.offer({{kBuffer, 16}, {kBuffer, 16}, {kBuffer, 16}, {kBuffer, 16}}, {});
       rig.pop();
       for (uint16_t slot = 4; slot < kSize; ++slot) {
         rig.packed().poke(slot, {kBuffer, 16, kDescAvail | kDescNext, 1});
       }
     }},
    {"BufferIdIsQueueSize", QueueError::kHead, ring({{kBuffer, 16, 0, kSize}})},
    {"BufferIdIsFarAway", QueueError::kHead, ring({{kBuffer, 16, 0, 0xffff}})},
    {"LastBufferIdIsFarAway", QueueError::kHead,
     ring({{kBuffer, 16, kDescNext, 0}, {kBuffer, 16, 0, 0xffff}})},
    {"ChainWithoutEnd", QueueError::kChainTooLong,
     ring(std::vector<Descriptor>(kSize, {kBuffer, 16, kDescNext, 0}))},
    {"TooManySegments", QueueError::kChainTooLong, ring(line(65, {kBuffer, 16, 0, 0})), 128},
    {"SegmentBehindTheMemory", QueueError::kSegmentBounds, ring({{kMemory, 16, 0, 0}})},
    {"SegmentCrossesTheEnd", QueueError::kSegmentBounds, ring({{kMemory - 15, 16, 0, 0}})},
    {"SegmentWrapsAround", QueueError::kSegmentBounds, ring({{~uint64_t{0} - 7, 16, 0, 0}})},
    {"SegmentAtZero", QueueError::kSegmentBounds, ring({{0, 16, 0, 0}})},
    {"SecondSegmentOutside", QueueError::kSegmentBounds,
     ring({{kBuffer, 16, kDescNext, 0}, {kMemory, 16, 0, 0}})},
    {"SegmentEmpty", QueueError::kSegmentEmpty, ring({{kBuffer, 0, 0, 0}})},
    {"WritableSegmentEmpty", QueueError::kSegmentEmpty,
     ring({{kBuffer, 16, kDescNext, 0}, {kBuffer, 0, kDescWrite, 0}})},
    {"ChainOfMoreThan4GiB", QueueError::kChainSize, ring(line(5, {64, kAlmostAll, 0, 0}))},
    {"ReadableAfterWritable", QueueError::kReadableAfterWritable,
     ring({{kBuffer, 16, kDescNext | kDescWrite, 0}, {kBuffer, 16, 0, 0}})},
    {"IndirectNotNegotiated", QueueError::kIndirectNotNegotiated,
     indirect({{kBuffer, 16, 0, 0}}, 16), kSize, false},
    {"IndirectWithNext", QueueError::kIndirectWithNext,
     ring({{kTable, 16, kDescIndirect | kDescNext, 0}, {kBuffer, 16, 0, 0}})},
    {"IndirectAfterDirect", QueueError::kIndirectWithNext,
     ring({{kBuffer, 16, kDescNext, 0}, {kTable, 16, kDescIndirect, 0}})},
    {"IndirectSizeZero", QueueError::kIndirectSize, indirect({{kBuffer, 16, 0, 0}}, 0)},
    {"IndirectSizeOdd", QueueError::kIndirectSize, indirect({{kBuffer, 16, 0, 0}}, 24)},
    {"IndirectTooLong", QueueError::kIndirectSize,
     indirect({{kBuffer, 16, 0, 0}}, (virtio::kMaxSegments + 1) * 16)},
    {"IndirectHuge", QueueError::kIndirectSize, indirect({{kBuffer, 16, 0, 0}}, 0xfffffff0)},
    {"IndirectOutside", QueueError::kIndirectBounds, ring({{kMemory - 16, 32, kDescIndirect, 0}})},
    {"IndirectAtZero", QueueError::kIndirectBounds, ring({{0, 32, kDescIndirect, 0}})},
    {"IndirectSegmentOutside", QueueError::kSegmentBounds, indirect({{kMemory, 16, 0, 0}}, 16)},
    {"IndirectSegmentEmpty", QueueError::kSegmentEmpty, indirect({{kBuffer, 0, 0, 0}}, 16)},
    {"IndirectReadableAfterWritable", QueueError::kReadableAfterWritable,
     indirect({{kBuffer, 16, kDescWrite, 0}, {kBuffer, 16, 0, 0}}, 32)},
    {"UnknownFlag", QueueError::kFlags, ring({{kBuffer, 16, 8, 0}})},
    {"UnknownFlagInSecond", QueueError::kFlags,
     ring({{kBuffer, 16, kDescNext, 0}, {kBuffer, 16, 0x100, 0}})},
    {"DoubleUse", QueueError::kDoubleUse,
     [](QueueRig& rig) {
       ring({{kBuffer, 16, 0, 5}, {kBuffer, 16, 0, 5}})(rig);
       rig.pop();
     }},
    {"DoubleUseInTheNextLap", QueueError::kDoubleUse,
     [](QueueRig& rig) {
       ring({{kBuffer, 16, 0, 5}, {kBuffer, 16, 0, 3}})(rig);
       rig.pop();
       rig.device().push(rig.pop(), 0);  // 3, before 5
       rig.device().publish();
       for (uint16_t slot = 2; slot < kSize; ++slot) {
         rig.packed().poke(slot, {kBuffer, 16, kDescAvail, slot == 7 ? uint16_t{5} : uint16_t{3}});
         if (slot < 7) rig.device().push(rig.pop(), 0);
       }
     }},
};

class PackedQueueError : public testing::TestWithParam<Case> {};

TEST_P(PackedQueueError, BreaksTheQueueAndNothingElse) {
  QueueRig rig(packed_features(GetParam().size), kMemory);
  rig.setup.indirect = GetParam().indirect;
  ASSERT_EQ(rig.start(), QueueError::kNone);
  GetParam().act(rig);
  const std::span ring_bytes(rig.memory().at(rig.setup.desc), rig.setup.size * 16U);

  virtio::Chain chain;
  ASSERT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
  EXPECT_STREQ(to_string(rig.device().error()), to_string(GetParam().error));

  // From here on the device leaves the memory alone.
  const std::vector<std::byte> before(ring_bytes.begin(), ring_bytes.end());
  EXPECT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
  rig.device().push(chain, 1);
  rig.device().unpop(chain);
  EXPECT_FALSE(rig.device().publish());
  EXPECT_FALSE(rig.device().should_notify());
  EXPECT_FALSE(rig.device().enable_notifications());
  EXPECT_TRUE(std::ranges::equal(before, ring_bytes));
  EXPECT_STREQ(to_string(rig.device().error()), to_string(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(Rules, PackedQueueError, testing::ValuesIn(kCases), kCaseName);

struct StartCase {
  const char* name;
  QueueError error;
  std::function<void(virtio::QueueSetup&)> act;
};

const StartCase kStartCases[] = {
    {"SizeZero", QueueError::kSize, [](auto& setup) { setup.size = 0; }},
    {"SizeAboveMaximum", QueueError::kSize,
     [](auto& setup) { setup.size = virtio::kMaxQueueSize + 1; }},
    {"RingNotAligned", QueueError::kAlignment, [](auto& setup) { setup.desc += 8; }},
    {"DriverAreaNotAligned", QueueError::kAlignment, [](auto& setup) { setup.driver += 2; }},
    {"DeviceAreaNotAligned", QueueError::kAlignment, [](auto& setup) { setup.device += 1; }},
    {"RingAtZero", QueueError::kBounds, [](auto& setup) { setup.desc = 0; }},
    {"RingCrossesTheEnd", QueueError::kBounds,
     [](auto& setup) { setup.desc = kMemory - kSize * 16 + 16; }},
    {"DriverAreaOutside", QueueError::kBounds, [](auto& setup) { setup.driver = kMemory; }},
    {"DeviceAreaOutside", QueueError::kBounds, [](auto& setup) { setup.device = kMemory; }},
};

class PackedQueueStartError : public testing::TestWithParam<StartCase> {};

TEST_P(PackedQueueStartError, RefusesToStart) {
  QueueRig rig(packed_features(kSize), kMemory);
  GetParam().act(rig.setup);
  EXPECT_STREQ(to_string(rig.start()), to_string(GetParam().error));
  virtio::Chain chain;
  EXPECT_EQ(rig.device().pop(chain), virtio::PopResult::kBroken);
}

INSTANTIATE_TEST_SUITE_P(Rules, PackedQueueStartError, testing::ValuesIn(kStartCases), kCaseName);

// What the specification tells a device to ignore.
TEST(PackedQueue, ReservedFieldsOfAnIndirectTableAreIgnored) {
  QueueRig rig(packed_features(kSize), kMemory);
  ASSERT_EQ(rig.start(), QueueError::kNone);
  indirect({{kBuffer, 16, kDescNext | kDescIndirect | 0x100, 0xffff},
            {kBuffer, 32, kDescWrite | kDescNext, 0xffff}},
           32)(rig);
  const virtio::Chain chain = rig.pop();
  EXPECT_EQ(chain.readable_size(), 16U);
  EXPECT_EQ(chain.writable_size(), 32U);
}

}  // namespace
}  // namespace stratos::test
