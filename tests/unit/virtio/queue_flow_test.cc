// SPDX-License-Identifier: Apache-2.0
// Good drivers: what goes in comes out, once, in every kind of queue.

#include <cstring>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Chain;
using virtio::PopResult;
using virtio::QueueError;

class QueueFlow : public testing::TestWithParam<virtio::QueueSetup> {
 protected:
  void SetUp() override { ASSERT_EQ(rig_.start(), QueueError::kNone); }
  bool empty() {
    Chain chain;
    return rig_.device().pop(chain) == PopResult::kEmpty;
  }
  void fill(const Buffer& buffer, int value) {
    std::memset(rig_.memory().at(buffer.address), value, buffer.size);
  }
  uint8_t byte_at(uint64_t address) { return std::to_integer<uint8_t>(*rig_.memory().at(address)); }

  QueueRig rig_{GetParam()};
};

TEST_P(QueueFlow, FreshQueueIsEmpty) {
  EXPECT_TRUE(empty());
  EXPECT_FALSE(rig_.device().publish());
  EXPECT_FALSE(rig_.device().should_notify());
}

TEST_P(QueueFlow, NothingIsSeenBeforeTheDriverPublishes) {
  const Buffer buffer = rig_.buffer(16);
  rig_.driver().add(std::span(&buffer, 1), {});
  EXPECT_TRUE(empty());
  rig_.driver().publish();
  EXPECT_FALSE(empty());
}

TEST_P(QueueFlow, NothingIsUsedBeforeTheDevicePublishes) {
  const uint16_t id = rig_.offer({}, {rig_.buffer(16)});
  rig_.device().push(rig_.pop(), 7);
  EXPECT_EQ(rig_.driver().get_used(), std::nullopt);
  EXPECT_TRUE(rig_.device().publish());
  EXPECT_EQ(rig_.driver().get_used(), (Used{id, 7}));
  EXPECT_EQ(rig_.driver().get_used(), std::nullopt);
  EXPECT_FALSE(rig_.device().publish());
}

TEST_P(QueueFlow, KnowsWhetherTheDriverCanSeeEverything) {
  EXPECT_FALSE(rig_.device().unpublished());
  rig_.offer({}, {rig_.buffer(16)});
  const Chain chain = rig_.pop();
  EXPECT_FALSE(chain.resumed());
  EXPECT_FALSE(rig_.device().unpublished());
  rig_.device().push(chain, 7);
  EXPECT_TRUE(rig_.device().unpublished());
  rig_.device().publish();
  EXPECT_FALSE(rig_.device().unpublished());
  rig_.offer({}, {rig_.buffer(16)});
  rig_.device().push(rig_.pop(), 7);
  rig_.device().stop();
  EXPECT_FALSE(rig_.device().unpublished());
}

TEST_P(QueueFlow, SegmentsAreThoseOfTheDriver) {
  const Buffer a = rig_.buffer(3);
  const Buffer b = rig_.buffer(5);
  const Buffer c = rig_.buffer(7);
  for (const bool indirect : {false, true}) {
    const uint16_t id = rig_.offer({a, b}, {c}, indirect);
    const Chain chain = rig_.pop();
    EXPECT_EQ(chain.id(), id);
    ASSERT_EQ(chain.readable().size(), 2U);
    ASSERT_EQ(chain.writable().size(), 1U);
    EXPECT_EQ(chain.readable()[0].data, rig_.memory().at(a.address));
    EXPECT_EQ(chain.readable()[1].size, 5U);
    EXPECT_EQ(chain.writable()[0].data, rig_.memory().at(c.address));
    EXPECT_EQ(chain.readable_size(), 8U);
    EXPECT_EQ(chain.writable_size(), 7U);
  }
}

TEST_P(QueueFlow, ReadAndWriteCrossSegments) {
  const Buffer a = rig_.buffer(3);
  const Buffer b = rig_.buffer(5);
  fill(a, 0xaa);
  fill(b, 0xbb);
  const Buffer c = rig_.buffer(2);
  const Buffer d = rig_.buffer(4);
  rig_.offer({a, b}, {c, d});
  const Chain chain = rig_.pop();

  std::array<std::byte, 10> bytes{};
  EXPECT_EQ(chain.read(0, bytes), 8U);
  EXPECT_EQ(bytes[2], std::byte{0xaa});
  EXPECT_EQ(bytes[3], std::byte{0xbb});
  EXPECT_EQ(bytes[8], std::byte{0});
  EXPECT_EQ(chain.read(7, bytes), 1U);
  EXPECT_EQ(bytes[0], std::byte{0xbb});
  EXPECT_EQ(chain.read(8, bytes), 0U);
  EXPECT_EQ(chain.read(~uint64_t{0}, bytes), 0U);
  EXPECT_EQ(chain.read(0, {}), 0U);

  std::array<std::byte, 10> answer;
  answer.fill(std::byte{0x11});
  EXPECT_EQ(chain.write(1, std::span(answer).first(2)), 2U);
  EXPECT_EQ(byte_at(c.address), 0);
  EXPECT_EQ(byte_at(c.address + 1), 0x11);
  EXPECT_EQ(byte_at(d.address), 0x11);
  EXPECT_EQ(byte_at(d.address + 1), 0);
  EXPECT_EQ(chain.write(3, answer), 3U);
  EXPECT_EQ(chain.write(6, answer), 0U);
}

TEST_P(QueueFlow, ACopyOfAChainIsTheChain) {
  rig_.offer({rig_.buffer(3), rig_.buffer(4)}, {rig_.buffer(5)});
  const Chain chain = rig_.pop();
  Chain copy;
  copy = chain;
  EXPECT_EQ(copy.id(), chain.id());
  ASSERT_EQ(copy.writable().size(), 1U);
  EXPECT_EQ(copy.writable()[0].data, chain.writable()[0].data);
  EXPECT_EQ(copy.readable()[1].size, 4U);
  rig_.device().push(copy, 5);
  rig_.device().publish();
  EXPECT_EQ(rig_.driver().get_used(), (Used{chain.id(), 5}));
}

TEST_P(QueueFlow, WrittenIsClamped) {
  rig_.offer({rig_.buffer(100)}, {rig_.buffer(4), rig_.buffer(6)});
  rig_.device().push(rig_.pop(), 0xffffffff);
  const uint16_t id = rig_.offer({rig_.buffer(100)}, {});
  rig_.device().push(rig_.pop(), 1);
  rig_.device().publish();
  EXPECT_EQ(rig_.driver().get_used()->length, 10U);
  EXPECT_EQ(rig_.driver().get_used(), (Used{id, 0}));
}

TEST_P(QueueFlow, SixtyFourSegmentsAreAccepted) {
  const std::vector<Buffer> readable(32, rig_.buffer(8));
  const std::vector<Buffer> writable(32, rig_.buffer(8));
  rig_.offer(readable, writable, true);
  const Chain chain = rig_.pop();
  EXPECT_EQ(chain.readable().size() + chain.writable().size(), virtio::kMaxSegments);
}

TEST_P(QueueFlow, ChainsComeBackInAnyOrder) {
  const Buffer buffer = rig_.buffer(64);
  for (int round = 0; round < 50; ++round) {
    std::vector<uint16_t> ids;
    ids.push_back(rig_.offer({buffer}, {buffer}));
    ids.push_back(rig_.offer({}, {buffer}));
    ids.push_back(rig_.offer({buffer}, {buffer}, true));
    std::vector<Chain> chains;
    for (const uint16_t id : ids) {
      chains.push_back(rig_.pop());
      EXPECT_EQ(chains.back().id(), id);
    }
    std::vector<size_t> order{0, 1, 2};
    for (int i = 0; i < round % 6; ++i) std::next_permutation(order.begin(), order.end());
    for (const size_t each : order) rig_.device().push(chains[each], static_cast<uint32_t>(each));
    rig_.device().publish();
    for (const size_t each : order) {
      EXPECT_EQ(rig_.driver().get_used(), (Used{ids[each], static_cast<uint32_t>(each)}));
    }
  }
}

TEST_P(QueueFlow, ChainsOfSeveralRoundsOvertakeEachOther) {
  const Buffer buffer = rig_.buffer(64);
  const uint16_t slow_id = rig_.offer({buffer, buffer}, {});
  const Chain slow = rig_.pop();
  for (int i = 0; i < 100; ++i) {
    const uint16_t id = rig_.offer({buffer}, {});
    rig_.device().push(rig_.pop(), 0);
    rig_.device().publish();
    EXPECT_EQ(rig_.driver().get_used(), (Used{id, 0}));
  }
  rig_.device().push(slow, 0);
  rig_.device().publish();
  EXPECT_EQ(rig_.driver().get_used(), (Used{slow_id, 0}));
}

TEST_P(QueueFlow, AWholeRingIsABatch) {
  const Buffer buffer = rig_.buffer(64);
  for (int round = 0; round < 5; ++round) {
    while (rig_.driver().add({}, std::span(&buffer, 1))) {
    }
    EXPECT_EQ(rig_.driver().outstanding(), GetParam().size);
    rig_.driver().publish();
    for (uint32_t i = 0; i < GetParam().size; ++i) rig_.device().push(rig_.pop(), i);
    EXPECT_TRUE(empty());
    EXPECT_EQ(rig_.driver().get_used(), std::nullopt);
    EXPECT_TRUE(rig_.device().publish());
    for (uint32_t i = 0; i < GetParam().size; ++i) {
      const std::optional<Used> used = rig_.driver().get_used();
      ASSERT_TRUE(used);
      EXPECT_EQ(used->length, std::min(i, 64U));
    }
  }
}

TEST_P(QueueFlow, IndicesWrapAround) {
  const Buffer buffer = rig_.buffer(64);
  for (uint32_t i = 0; i < 3 * 65536 + 11; ++i) {
    ASSERT_TRUE(rig_.driver().add({}, std::span(&buffer, 1)));
    rig_.driver().publish();
    Chain chain;
    ASSERT_EQ(rig_.device().pop(chain), PopResult::kChain);
    rig_.device().push(chain, i % 65);
    ASSERT_TRUE(rig_.device().publish());
    const std::optional<Used> used = rig_.driver().get_used();
    ASSERT_TRUE(used);
    ASSERT_EQ(used->length, i % 65);
  }
  EXPECT_TRUE(empty());
}

TEST_P(QueueFlow, UnpopGivesTheChainAgain) {
  const Buffer buffer = rig_.buffer(64);
  for (int round = 0; round < 40; ++round) {
    const uint16_t first = rig_.offer({buffer, buffer}, {});
    const uint16_t second = rig_.offer({buffer}, {buffer}, true);
    rig_.device().unpop(rig_.pop());
    const Chain a = rig_.pop();
    EXPECT_EQ(a.id(), first);
    const Chain b = rig_.pop();
    EXPECT_EQ(b.id(), second);
    EXPECT_TRUE(empty());
    rig_.device().unpop(b);
    rig_.device().unpop(a);
    rig_.device().push(rig_.pop(), 0);
    rig_.device().push(rig_.pop(), 0);
    rig_.device().publish();
    EXPECT_EQ(rig_.driver().get_used(), (Used{first, 0}));
    EXPECT_EQ(rig_.driver().get_used(), (Used{second, 0}));
  }
}

TEST_P(QueueFlow, UnpopAfterAnotherChainWasPublished) {
  const Buffer buffer = rig_.buffer(64);
  const uint16_t first = rig_.offer({buffer}, {});
  const uint16_t second = rig_.offer({buffer}, {});
  const Chain a = rig_.pop();
  const Chain b = rig_.pop();
  rig_.device().push(a, 0);
  rig_.device().publish();
  rig_.device().unpop(b);
  EXPECT_EQ(rig_.pop().id(), second);
  EXPECT_EQ(rig_.driver().get_used(), (Used{first, 0}));
}

TEST_P(QueueFlow, AChainCountsOnce) {
  const Buffer buffer = rig_.buffer(64);
  const uint16_t id = rig_.offer({}, {buffer});
  rig_.offer({}, {buffer});
  const Chain chain = rig_.pop();
  rig_.device().push(chain, 1);
  rig_.device().push(chain, 2);
  rig_.device().unpop(chain);
  rig_.device().publish();
  rig_.device().push(chain, 3);
  EXPECT_FALSE(rig_.device().publish());
  EXPECT_EQ(rig_.driver().get_used(), (Used{id, 1}));
  EXPECT_EQ(rig_.driver().get_used(), std::nullopt);
}

TEST_P(QueueFlow, StopForgetsWhatWasPushed) {
  rig_.offer({}, {rig_.buffer(4)});
  rig_.device().push(rig_.pop(), 4);
  rig_.device().stop();
  EXPECT_FALSE(rig_.device().publish());
  EXPECT_EQ(rig_.driver().get_used(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Kinds, QueueFlow,
                         testing::Values(split_features(8), split_features(8, false),
                                         split_features(1024), packed_features(8),
                                         packed_features(8, false), packed_features(5),
                                         packed_features(1024)),
                         features_name);

// Only split rings may end a direct chain with an indirect table.
TEST(SplitQueueFlow, DirectDescriptorsMayPrecedeATable) {
  QueueRig rig(split_features(8));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  const Buffer a = rig.buffer(16);
  const Buffer b = rig.buffer(32);
  const uint64_t table = rig.memory().allocate(32);
  rig.split().poke(0, {a.address, a.size, virtio::kDescNext, 1});
  // WRITE on a table means nothing.
  rig.split().poke(1, {table, 16, virtio::kDescIndirect | virtio::kDescWrite, 0});
  rig.split().poke_at(table, {b.address, b.size, 0, 0});
  rig.split().offer(0);
  rig.driver().publish();
  const Chain chain = rig.pop();
  EXPECT_EQ(chain.readable_size(), 48U);
  EXPECT_EQ(chain.writable_size(), 0U);
}

TEST(SplitQueueFlow, AnIndirectTableMayLieAnywhere) {
  QueueRig rig(split_features(8));
  ASSERT_EQ(rig.start(), QueueError::kNone);
  const Buffer b = rig.buffer(32);
  const uint64_t table = rig.memory().allocate(64) + 3;
  rig.split().poke_at(table, {b.address, b.size, virtio::kDescNext, 1});
  rig.split().poke_at(table + 16, {b.address, b.size, virtio::kDescWrite, 0});
  rig.split().poke(0, {table, 32, virtio::kDescIndirect, 0});
  rig.split().offer(0);
  rig.driver().publish();
  EXPECT_EQ(rig.pop().writable_size(), 32U);
}

TEST(QueueMemory, SegmentsMayLieInSeveralWindows) {
  std::array<std::byte, 64> low{};
  std::array<std::byte, 64> high{};
  const std::array<virtio::Window, 2> windows{virtio::Window{0x1000, 64, low.data()},
                                              virtio::Window{0x1040, 64, high.data()}};
  const virtio::Memory memory(windows);
  EXPECT_EQ(memory.at(0x1000, 64), low.data());
  EXPECT_EQ(memory.at(0x1040, 64), high.data());
  EXPECT_EQ(memory.at(0x103f, 1), low.data() + 63);
  // Contiguous for the driver, but not for us.
  EXPECT_EQ(memory.at(0x1030, 32), nullptr);
  EXPECT_EQ(memory.at(0x1080, 1), nullptr);
  EXPECT_EQ(memory.at(0xfff, 1), nullptr);
  EXPECT_EQ(memory.at(0x1000, 0), nullptr);
  EXPECT_EQ(memory.at(0x1001, ~uint64_t{0}), nullptr);
  EXPECT_EQ(virtio::Memory().at(0x1000, 1), nullptr);
}

}  // namespace
}  // namespace stratos::test
