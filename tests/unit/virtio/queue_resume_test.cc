// SPDX-License-Identifier: Apache-2.0
// Going on from a predecessor's record, also from one that a peer has spoilt.

#include <cstring>
#include <functional>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Chain;
using virtio::InflightTable;
using virtio::PopResult;
using virtio::Queue;
using virtio::QueueError;

// A queue of 8 with four chains out and another one published, and its record.
class Predecessor {
 public:
  explicit Predecessor(const virtio::QueueSetup& features) : rig(features) {
    const size_t bytes = InflightTable::bytes(features.size, features.packed);
    record = rig.memory().allocate(bytes, 64);
    table = InflightTable(std::span(rig.memory().at(record), bytes));
    EXPECT_EQ(rig.start(table), QueueError::kNone);
    const Buffer buffer = rig.buffer(16);
    for (int i = 0; i < 3; ++i) {
      rig.offer({buffer}, {});
      rig.device().push(rig.pop(), 0);
      rig.device().publish();
      rig.driver().get_used();
    }
    for (int i = 0; i < 5; ++i) ids.push_back(rig.offer({buffer}, {}));
    std::vector<Chain> chains;
    for (int i = 0; i < 5; ++i) chains.push_back(rig.pop());
    rig.device().push(chains[1], 0);
    rig.device().publish();
    ids.erase(ids.begin() + 1);
  }

  QueueError resume() { return successor.resume(rig.memory().memory(), rig.setup, table); }
  std::byte* byte(size_t offset) { return rig.memory().at(record + offset); }
  void set16(size_t offset, uint16_t value) { virtio::store_le<uint16_t>(byte(offset), value); }
  uint16_t get16(size_t offset) { return virtio::load_le<uint16_t>(byte(offset)); }
  // Where the record of chain `which` (0 to 3, in their order) begins.
  size_t entry(size_t which) {
    if (!rig.setup.packed) return 16 + ids[which] * size_t{16};
    for (size_t at = 32;; at += 32) {
      if (*byte(at) == std::byte{1} && get16(at + 16) == ids[which]) return at;
    }
  }

  QueueRig rig;
  uint64_t record = 0;
  InflightTable table;
  std::vector<uint16_t> ids;  // of the chains that are out
  Queue successor;
};

class QueueResume : public testing::TestWithParam<virtio::QueueSetup> {
 protected:
  Predecessor predecessor_{GetParam()};
};

TEST_P(QueueResume, ChainsComeInTheirOldOrderBeforeNewOnes) {
  const uint16_t fresh = predecessor_.rig.offer({predecessor_.rig.buffer(8)}, {});
  ASSERT_EQ(predecessor_.resume(), QueueError::kNone);
  std::vector<uint16_t> ids;
  Chain chain;
  while (predecessor_.successor.pop(chain) == PopResult::kChain) {
    ids.push_back(chain.id());
    EXPECT_EQ(chain.resumed(), chain.id() != fresh);
  }
  predecessor_.ids.push_back(fresh);
  EXPECT_EQ(ids, predecessor_.ids);
}

TEST_P(QueueResume, ResumedChainsCanBePutBack) {
  ASSERT_EQ(predecessor_.resume(), QueueError::kNone);
  Chain a;
  Chain b;
  ASSERT_EQ(predecessor_.successor.pop(a), PopResult::kChain);
  ASSERT_EQ(predecessor_.successor.pop(b), PopResult::kChain);
  predecessor_.successor.unpop(b);
  predecessor_.successor.unpop(a);
  EXPECT_TRUE(predecessor_.successor.enable_notifications()) << "they are waiting";
  for (const uint16_t id : predecessor_.ids) {
    ASSERT_EQ(predecessor_.successor.pop(a), PopResult::kChain);
    EXPECT_EQ(a.id(), id);
  }
  EXPECT_FALSE(predecessor_.successor.enable_notifications());
}

TEST_P(QueueResume, AsksForANotificationOnce) {
  ASSERT_EQ(predecessor_.resume(), QueueError::kNone);
  EXPECT_TRUE(predecessor_.successor.should_notify());
  EXPECT_FALSE(predecessor_.successor.should_notify());
}

TEST_P(QueueResume, ResumesManyTimes) {
  for (int life = 0; life < 20; ++life) {
    ASSERT_EQ(predecessor_.resume(), QueueError::kNone);
    for (const uint16_t id : predecessor_.ids) {
      Chain chain;
      ASSERT_EQ(predecessor_.successor.pop(chain), PopResult::kChain);
      EXPECT_EQ(chain.id(), id);
    }
  }
}

TEST_P(QueueResume, AFreshTableIsAFreshQueue) {
  QueueRig rig(GetParam());
  const size_t bytes = InflightTable::bytes(GetParam().size, GetParam().packed);
  const InflightTable table(std::span(rig.memory().at(rig.memory().allocate(bytes, 64)), bytes));
  const uint16_t id = rig.offer({rig.buffer(8)}, {});
  ASSERT_EQ(rig.device().resume(rig.memory().memory(), rig.setup, table), QueueError::kNone);
  EXPECT_EQ(rig.pop().id(), id);
}

TEST_P(QueueResume, WithoutARecordThereIsNothingToResume) {
  predecessor_.table = {};
  EXPECT_EQ(predecessor_.resume(), QueueError::kInflight);
}

TEST_P(QueueResume, TheTableHasToFit) {
  const InflightTable whole = predecessor_.table;
  const size_t bytes = InflightTable::bytes(GetParam().size, GetParam().packed);
  predecessor_.table = InflightTable(std::span(whole.data(), bytes - 1));
  EXPECT_EQ(predecessor_.resume(), QueueError::kInflight);
  EXPECT_EQ(predecessor_.rig.start(predecessor_.table), QueueError::kInflight);
  predecessor_.table = InflightTable(std::span(whole.data() + 4, bytes));
  EXPECT_EQ(predecessor_.resume(), QueueError::kInflight);
  EXPECT_EQ(predecessor_.rig.start(predecessor_.table), QueueError::kInflight);
}

// Whatever the record and the rings say, nothing happens outside the memory, and the
// queue comes to an end.
TEST_P(QueueResume, AnyRecordIsSafe) {
  Random random(7);
  const std::span<std::byte> memory = predecessor_.rig.memory().bytes().first(16384);
  const std::vector<std::byte> before(memory.begin(), memory.end());
  const size_t record_bytes = InflightTable::bytes(GetParam().size, GetParam().packed);
  int resumed = 0;
  for (int round = 0; round < 30000; ++round) {
    std::ranges::copy(before, memory.begin());
    for (uint32_t left = 1 + random() % 3; left != 0; --left) {
      const bool in_record = random() % 4 != 0;
      std::byte* at =
          in_record ? predecessor_.byte(random() % record_bytes) : memory.data() + random() % 2048;
      *at = static_cast<std::byte>(random() % 2 == 0 ? random() : random() % 9);
    }
    if (predecessor_.resume() != QueueError::kNone) continue;
    ++resumed;
    std::vector<Chain> chains(1);
    while (predecessor_.successor.pop(chains.back()) == PopResult::kChain) {
      ASSERT_LE(chains.size(), GetParam().size);
      ASSERT_LT(chains.back().id(), GetParam().size);
      chains.emplace_back();
    }
    chains.pop_back();
    for (const Chain& chain : chains) predecessor_.successor.push(chain, 1);
    predecessor_.successor.publish();
    Chain chain;
    for (int i = 0; i < 9 && predecessor_.successor.pop(chain) == PopResult::kChain; ++i) {
      predecessor_.successor.push(chain, 1);
    }
  }
  EXPECT_GT(resumed, 1000) << "hardly anything was tried";
}

INSTANTIATE_TEST_SUITE_P(Kinds, QueueResume,
                         testing::Values(split_features(8), packed_features(8), packed_features(7)),
                         features_name);

struct Case {
  const char* name;
  std::function<void(Predecessor&)> act;
  QueueError error = QueueError::kInflight;  // of resume(), or of the first pop()
};

void expect_refusal(const virtio::QueueSetup& features, const Case& test) {
  Predecessor predecessor(features);
  test.act(predecessor);
  QueueError error = predecessor.resume();
  for (Chain chain; error == QueueError::kNone;) {
    if (predecessor.successor.pop(chain) == PopResult::kEmpty) break;
    error = predecessor.successor.error();
  }
  EXPECT_STREQ(to_string(error), to_string(test.error));
}

const Case kCommonCases[] = {
    {"Features", [](auto& p) { *p.byte(0) = std::byte{1}; }},
    {"HighFeatures", [](auto& p) { *p.byte(7) = std::byte{1}; }},
    {"VersionTooNew", [](auto& p) { p.set16(8, 2); }},
    {"SizeOfAnotherQueue", [](auto& p) { p.set16(10, 4); }},
    {"Mark", [](auto& p) { *p.byte(p.entry(0)) = std::byte{2}; }},
    {"SameCounterTwice",
     [](auto& p) { std::memcpy(p.byte(p.entry(0) + 8), p.byte(p.entry(1) + 8), 8); }},
    {"CounterAtItsEnd", [](auto& p) { std::memset(p.byte(p.entry(2) + 8), 0xff, 8); }},
};

class AnyQueueRecord : public testing::TestWithParam<Case> {};

TEST_P(AnyQueueRecord, SplitNonsenseIsRefused) { expect_refusal(split_features(8), GetParam()); }
TEST_P(AnyQueueRecord, PackedNonsenseIsRefused) { expect_refusal(packed_features(8), GetParam()); }

INSTANTIATE_TEST_SUITE_P(Rules, AnyQueueRecord, testing::ValuesIn(kCommonCases), kCaseName);

// The used idx of the ring as if the predecessor had died before it tidied up.
void move_used_idx(Predecessor& p, int by) {
  const auto word = p.rig.split().used_idx();
  word.store(static_cast<uint16_t>(word.load() + by));
}

const Case kSplitCases[] = {
    {"UsedIdxFarAhead", [](auto& p) { move_used_idx(p, 9); }},
    {"UsedIdxGoesBack", [](auto& p) { move_used_idx(p, -1); }},
    {"RecordedUsedIdxFarAway", [](auto& p) { p.set16(14, 0x7777); }},
    {"LastBatchOutside",
     [](auto& p) {
       move_used_idx(p, 1);
       p.set16(12, 8);
     }},
    {"LastBatchLoops",
     [](auto& p) {
       move_used_idx(p, 2);
       p.set16(12, 3);
       p.set16(16 + 3 * 16 + 6, 3);
     }},
    {"LastBatchLeavesTheTable",
     [](auto& p) {
       move_used_idx(p, 2);
       p.set16(12, 3);
       p.set16(16 + 3 * 16 + 6, 0xffff);
     }},
    {"AvailIdxBehindTheChainsInFlight",
     [](auto& p) { p.rig.split().avail_idx().store(p.rig.split().used_idx().load()); }},
    {"AvailIdxTooFar",
     [](auto& p) {
       p.rig.split().avail_idx().store(static_cast<uint16_t>(p.rig.split().used_idx().load() + 9));
     }},
    {"DescriptorSpoilt",
     [](auto& p) {
       p.rig.split().poke(p.ids[0], {0, 8, 0, 0});
     },
     QueueError::kSegmentBounds},
};

class SplitQueueRecord : public testing::TestWithParam<Case> {};
TEST_P(SplitQueueRecord, NonsenseIsRefused) { expect_refusal(split_features(8), GetParam()); }
INSTANTIATE_TEST_SUITE_P(Rules, SplitQueueRecord, testing::ValuesIn(kSplitCases), kCaseName);

const Case kPackedCases[] = {
    {"FreeHeadOutside", [](auto& p) { p.set16(14, 9); }},
    {"NextFreeHeadOutside", [](auto& p) { p.set16(12, 9); }},
    {"UsedIdxOutside", [](auto& p) { p.set16(16, 8); }},
    {"OldUsedIdxOutside", [](auto& p) { p.set16(18, 8); }},
    {"Wrap", [](auto& p) { *p.byte(20) = std::byte{2}; }},
    {"OldWrap", [](auto& p) { *p.byte(21) = std::byte{2}; }},
    {"Settling", [](auto& p) { *p.byte(22) = std::byte{2}; }},
    {"NothingIsFree", [](auto& p) { p.set16(14, 8); }},
    {"FreeListLoops", [](auto& p) { p.set16(32 + p.get16(14) * 32 + 2, p.get16(14)); }},
    {"FreeListLeavesTheTable", [](auto& p) { p.set16(32 + p.get16(14) * 32 + 2, 0xffff); }},
    {"EntryLost", [](auto& p) { *p.byte(p.entry(1)) = std::byte{0}; }},
    {"NoDescriptors", [](auto& p) { p.set16(p.entry(0) + 6, 0); }},
    {"TooManyDescriptors", [](auto& p) { p.set16(p.entry(0) + 6, 9); }},
    {"LastIsAnother", [](auto& p) { p.set16(p.entry(0) + 4, p.get16(p.entry(1) + 4)); }},
    {"EntryOfTwoChains",
     [](auto& p) {
       p.set16(p.entry(0) + 6, 2);
       p.set16(p.entry(0) + 2, p.get16(p.entry(1) + 4));
     }},
    {"FlagsPromiseMore", [](auto& p) { p.set16(p.entry(0) + 18, virtio::kDescNext); }},
    {"IdOutside", [](auto& p) { p.set16(p.entry(0) + 16, 8); }, QueueError::kHead},
    {"IdTwice", [](auto& p) { p.set16(p.entry(0) + 16, p.ids[1]); }, QueueError::kDoubleUse},
    {"AddressOutside", [](auto& p) { std::memset(p.byte(p.entry(0) + 24), 0xff, 8); },
     QueueError::kSegmentBounds},
    {"Empty", [](auto& p) { std::memset(p.byte(p.entry(0) + 20), 0, 4); },
     QueueError::kSegmentEmpty},
};

class PackedQueueRecord : public testing::TestWithParam<Case> {};
TEST_P(PackedQueueRecord, NonsenseIsRefused) { expect_refusal(packed_features(8), GetParam()); }
INSTANTIATE_TEST_SUITE_P(Rules, PackedQueueRecord, testing::ValuesIn(kPackedCases), kCaseName);

}  // namespace
}  // namespace stratos::test
