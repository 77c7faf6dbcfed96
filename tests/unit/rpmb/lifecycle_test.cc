// SPDX-License-Identifier: Apache-2.0
// A slow store, resets, and what happens when the helper's process dies.

#include <gtest/gtest.h>

#include <vector>

#include "rpmb/rpmb_rig.h"

namespace stratos::test {
namespace {

// Split and packed rings.
class RpmbSlow : public testing::TestWithParam<bool> {
 protected:
  RpmbSlow() : rig_({.packed = GetParam()}) {
    rig_.program();
    rig_.store.delayed = true;
  }
  void finish(bool ok = true) {
    rig_.store.finish(ok);
    rig_.turn();
  }
  Look look(size_t key) {
    const auto answer = rig_.answer(key);
    EXPECT_TRUE(answer);
    if (!answer || answer->empty()) return {};
    return look_at(to_frames(*answer).at(0));
  }

  RpmbRig rig_;
};

INSTANTIATE_TEST_SUITE_P(Rings, RpmbSlow, testing::Bool(),
                         [](const auto& ring) { return ring.param ? "Packed" : "Split"; });

TEST_P(RpmbSlow, RequestsAreExecutedOneAtATimeAndInOrder) {
  std::vector<size_t> writes;
  for (uint8_t i = 0; i < 6; ++i) {
    writes.push_back(rig_.post(with_result(write_data(i, 0, 1, static_cast<uint8_t>(i + 1))), 1));
  }
  const size_t read = rig_.post(read_data(0, 1), 1);
  const size_t counter = rig_.post(get_counter(), 1);
  rig_.turn();
  for (uint8_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(rig_.store.busy());
    EXPECT_EQ(rig_.answer(writes[i]), std::nullopt);
    EXPECT_EQ(rig_.store.commits, i + 2U);
    finish();
    EXPECT_EQ(look(writes[i]), (Look{.type = 0x0300, .counter = i + 1U}));
  }
  ASSERT_TRUE(rig_.store.busy());
  finish();
  EXPECT_EQ(look(read).data, 6);
  EXPECT_EQ(look(counter).counter, 6U);
  EXPECT_FALSE(rig_.store.busy());
  EXPECT_EQ(rig_.store.overlaps, 0U);
}

TEST_P(RpmbSlow, AKickWhileTheStoreIsBusyTakesNothing) {
  const size_t first = rig_.post(with_result(write_data(0, 0, 1, 1)), 1);
  rig_.turn();
  const size_t second = rig_.post(get_counter(), 1);
  rig_.turn();
  rig_.turn();
  EXPECT_EQ(rig_.answer(first), std::nullopt);
  EXPECT_EQ(rig_.answer(second), std::nullopt);
  finish();
  EXPECT_EQ(look(first).result, 0);
  EXPECT_EQ(look(second).counter, 1U);
}

TEST_P(RpmbSlow, FailuresOfTheStoreAreToldAndCounted) {
  const size_t write = rig_.post(with_result(write_data(0, 0, 1, 1)), 1);
  rig_.turn();
  finish(false);
  EXPECT_EQ(look(write), (Look{.type = 0x0300, .result = 5}));
  const size_t read = rig_.post(read_data(0, 1), 1);
  rig_.turn();
  finish(false);
  EXPECT_EQ(look(read).result, 6);
  EXPECT_EQ(rig_.counters().port_failures, 2U);
}

TEST_P(RpmbSlow, AChangeWaitsUntilEarlierAnswersCanBeSeen) {
  rig_.store.delayed = false;
  const size_t first = rig_.post(get_counter(), 1);
  const size_t second = rig_.post(with_result(write_data(0, 0, 1, 1)), 1);
  rig_.serve_unpublished();
  EXPECT_EQ(rig_.store.commits, 1U) << "committed while an answer was unpublished";
  rig_.turn();
  EXPECT_EQ(look(first).counter, 0U);
  EXPECT_EQ(look(second).counter, 1U);
}

TEST_P(RpmbSlow, ResetForgetsTheRequestAndWaitsForTheStore) {
  const size_t old = rig_.post(with_result(write_data(0, 0, 1, 1)), 1);
  rig_.turn();
  static_cast<void>(old);
  rig_.reset();
  EXPECT_TRUE(rig_.device->idle());
  const size_t next = rig_.post(get_counter(), 1);
  rig_.turn();
  EXPECT_EQ(rig_.answer(next), std::nullopt) << "served while the store was busy";
  const int completions = rig_.completions;
  finish();
  EXPECT_EQ(rig_.completions, completions) << "an answer from before the reset";
  EXPECT_EQ(look(next).counter, 1U) << "what was begun is done all the same";
  EXPECT_EQ(rig_.counters().forgotten, 1U);
}

TEST_P(RpmbSlow, TheStoreMayFinishWhileNobodyIsThere) {
  rig_.post(with_result(write_data(0, 0, 1, 1)), 1);
  rig_.turn();
  rig_.device->stop();
  rig_.store.finish();
  rig_.store.finish();  // and be wrong about it
  rig_.reset();
  rig_.store.delayed = false;
  EXPECT_EQ(rig_.ask_one(get_counter()).counter, 1U);
}

TEST_P(RpmbSlow, ResetEmptiesTheResultRegister) {
  EXPECT_EQ(rig_.ask_one({result_read()}).type, 0x0100);
  rig_.reset();
  EXPECT_EQ(rig_.ask_one({result_read()}), (Look{.type = 0, .result = 1}));
}

// ---- The process dies ----

TEST_P(RpmbSlow, KilledBeforeTheCommitTheWriteIsExecutedOnce) {
  const size_t write = rig_.post(with_result(write_data(0, 3, 2, 1)), 1);
  rig_.turn();
  rig_.kill(false);
  rig_.store.delayed = false;
  rig_.turn();
  EXPECT_EQ(look(write), (Look{.type = 0x0300, .address = 3, .counter = 1}));
  EXPECT_EQ(rig_.counters().repeated, 0U);
  EXPECT_EQ(rig_.ask_one(get_counter()).counter, 1U);
}

TEST_P(RpmbSlow, KilledAfterTheCommitTheWriteIsAnsweredAndNotExecutedAgain) {
  const size_t write = rig_.post(with_result(write_data(0, 3, 2, 1)), 1);
  rig_.turn();
  rig_.kill(true);
  rig_.store.delayed = false;
  const uint64_t commits = rig_.store.commits;
  rig_.turn();
  EXPECT_EQ(look(write), (Look{.type = 0x0300, .address = 3, .counter = 1}));
  EXPECT_EQ(rig_.store.commits, commits);
  EXPECT_EQ(rig_.counters().repeated, 1U);
  EXPECT_EQ(rig_.ask_one({result_read()}).counter, 1U);
}

TEST_P(RpmbSlow, KilledBetweenAnswerAndPublishing) {
  const size_t first = rig_.post(with_result(write_data(0, 3, 1, 1)), 1);
  const size_t second = rig_.post(with_result(write_data(1, 3, 1, 2)), 1);
  rig_.turn();
  rig_.store.finish();
  rig_.serve_unpublished();
  EXPECT_FALSE(rig_.store.busy()) << "the second write must wait for the first answer";
  rig_.kill(false);
  rig_.store.delayed = false;
  rig_.turn();
  EXPECT_EQ(look(first), (Look{.type = 0x0300, .address = 3, .counter = 1}));
  EXPECT_EQ(look(second), (Look{.type = 0x0300, .address = 3, .counter = 2}));
  EXPECT_EQ(rig_.ask_one(read_data(3, 1)).data, 2);
}

TEST_P(RpmbSlow, KilledAgainWhileResuming) {
  const size_t write = rig_.post(with_result(write_data(0, 3, 1, 1)), 1);
  rig_.turn();
  rig_.kill(true);
  rig_.serve_unpublished();
  rig_.kill(true);
  rig_.turn();
  EXPECT_EQ(look(write).counter, 1U);
  EXPECT_EQ(look(write).result, 0);
}

TEST_P(RpmbSlow, ResumedButForgedIsRefused) {
  const size_t write = rig_.post(with_result(write_data(0, 3, 1, 1)), 1);
  rig_.turn();
  rig_.request_memory(write)[300] ^= std::byte{1};
  rig_.kill(true);
  rig_.turn();
  EXPECT_EQ(look(write).result, 2);
}

TEST_P(RpmbSlow, TheLastPossibleWriteIsRecognisedToo) {
  constexpr uint32_t kLast = 0xffffffff;
  rig_.store.current.write_counter = kLast - 1;
  const size_t write = rig_.post(with_result(write_data(kLast - 1, 3, 1, 1)), 1);
  rig_.turn();
  rig_.kill(true);
  rig_.turn();
  EXPECT_EQ(look(write), (Look{.type = 0x0300, .result = 0x80, .address = 3, .counter = kLast}));
}

TEST_P(RpmbSlow, AReadIsSimplyReadAgain) {
  const size_t read = rig_.post(read_data(3, 1), 1);
  rig_.turn();
  rig_.kill(false);
  rig_.store.delayed = false;
  rig_.turn();
  EXPECT_EQ(look(read).result, 0);
}

TEST_P(RpmbSlow, TheResultRegisterOutlivesTheProcess) {
  rig_.store.delayed = false;
  rig_.ask(write_data(0, 3, 1, 1), 0);
  rig_.kill(false);
  EXPECT_EQ(rig_.ask_one({result_read()}), (Look{.type = 0x0300, .address = 3, .counter = 1}));
}

class RpmbKey : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Happened, RpmbKey, testing::Bool());

TEST_P(RpmbKey, KilledWhileItIsProgrammed) {
  RpmbRig rig;
  rig.store.delayed = true;
  const size_t key = rig.post(with_result(program_key()), 1);
  const size_t other = rig.post(with_result(program_key(filled(9))), 1);
  rig.turn();
  rig.kill(GetParam());
  rig.store.delayed = false;
  rig.turn();
  EXPECT_EQ(look_at(to_frames(rig.answer(key).value()).at(0)), (Look{.type = 0x0100}));
  EXPECT_EQ(look_at(to_frames(rig.answer(other).value()).at(0)),
            (Look{.type = 0x0100, .result = 5}));
  EXPECT_EQ(rig.store.current.key, test_key());
  EXPECT_EQ(rig.counters().repeated, GetParam() ? 1U : 0U);
}

TEST(RpmbSaved, NonsenseIsRefused) {
  RpmbRig rig;
  rig.program();
  Bytes state(virtio::Device::kMaxState);
  state.resize(rig.device->save(state));
  EXPECT_TRUE(rig.device->restore({}));
  EXPECT_TRUE(rig.device->restore(state));
  const auto with = [&state](size_t at, uint8_t value) {
    Bytes changed = state;
    changed[at] = std::byte{value};
    return changed;
  };
  EXPECT_FALSE(rig.device->restore(std::span(state).first(state.size() - 1)));
  EXPECT_FALSE(rig.device->restore(with(0, 2)));  // version
  EXPECT_FALSE(rig.device->restore(with(1, 8)));  // request
  EXPECT_FALSE(rig.device->restore(with(2, 8)));  // result
  Bytes longer = state;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(rig.device->restore(longer));
  std::array<std::byte, 8> small{};
  EXPECT_EQ(rig.device->save(small), 0U);
}

}  // namespace
}  // namespace stratos::test
