// SPDX-License-Identifier: Apache-2.0
// Requests that a chip executes: what it is asked, in which order, and what the driver
// gets of it.

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "rpmb/relay_rig.h"

namespace stratos::test {
namespace {

using Asked = FakeChip::Asked;

Frames only(const Frame& frame) { return {frame}; }

struct Passed {
  std::string name;
  Frames request;
  size_t room;  // frames
  Asked asked;
};

void PrintTo(const Passed& row, std::ostream* out) { *out << row.name; }

class RelayPasses : public testing::TestWithParam<Passed> {};

const Frames kTwoBlocks = write_data(7, 3, 2, 0x40);

const Passed kPassed[] = {
    {"Key", with_result(program_key()), 1, {program_key(), only(result_read()), 1}},
    {"KeyWithoutAnswer", program_key(), 0, {program_key(), {}, 0}},
    {"Counter", get_counter(), 1, {{}, get_counter(), 1}},
    {"Write", with_result(kTwoBlocks), 1, {kTwoBlocks, only(result_read()), 1}},
    {"WriteWithoutAnswer", kTwoBlocks, 0, {kTwoBlocks, {}, 0}},
    {"WriteWithRoomToSpare", with_result(kTwoBlocks), 3, {kTwoBlocks, only(result_read()), 1}},
    {"LongestWrite",
     with_result(write_data(0, 0, 4, 1)),
     1,
     {write_data(0, 0, 4, 1), only(result_read()), 1}},
    {"Read", read_data(5, 1), 1, {{}, read_data(5, 1), 1}},
    {"LongestRead", read_data(5, 8), 8, {{}, read_data(5, 8), 8}},
    {"Result", only(result_read()), 1, {{}, only(result_read()), 1}},
    {"BehindTheEnd", read_data(2000, 1), 1, {{}, read_data(2000, 1), 1}},
};
INSTANTIATE_TEST_SUITE_P(Requests, RelayPasses, testing::ValuesIn(kPassed),
                         [](const auto& row) { return row.param.name; });

TEST_P(RelayPasses, FramesAsTheyAreBothWays) {
  const Passed& row = GetParam();
  RelayRig rig;
  const size_t key = rig.post(row.request, row.room);
  rig.turn();
  ASSERT_EQ(rig.chip.asked.size(), 1U);
  EXPECT_TRUE(rig.chip.asked[0] == row.asked);
  EXPECT_EQ(rig.answer(key), std::nullopt) << "answered before the chip did";

  Frames response;
  for (size_t i = 0; i < row.asked.response; ++i) {
    response.push_back(make_frame({.type = 0x0400, .data = static_cast<uint8_t>(i)}));
  }
  rig.reply(response);
  EXPECT_EQ(rig.answer(key), to_bytes(response));
  EXPECT_EQ(rig.completions, 1);
}

struct Refused {
  std::string name;
  Bytes request;
  size_t room = 512;  // bytes
  size_t frames = 1;  // of the response
  uint16_t type = 0;
};

void PrintTo(const Refused& row, std::ostream* out) { *out << row.name; }

class RelayRefuses : public testing::TestWithParam<Refused> {};

Frames mixed() { return {get_counter()[0], read_data(0, 1)[0]}; }

const Refused kRefused[] = {
    {"Nothing", {}},
    {"NoWholeFrame", Bytes(511)},
    {"UnknownType", to_bytes({make_frame({.type = 9})})},
    {"MixedTypes", to_bytes(mixed()), 512, 1, 0x0200},
    {"FewerFramesThanCounted", to_bytes({write_data(0, 0, 2, 1)[0], result_read()}), 512, 1,
     0x0300},
    {"WriteAboveTheLimit", to_bytes(with_result(write_data(0, 0, 5, 1))), 512, 1, 0x0300},
    {"ReadAboveTheLimit", to_bytes(read_data(0, 9)), 9 * 512, 8, 0x0400},
    {"ReadOfNothing", to_bytes(read_data(0, 0)), 512, 1, 0x0400},
    {"NoRoom", to_bytes(get_counter()), 511, 0},
    {"NoRoomForAll", to_bytes(read_data(0, 2)), 1023, 1, 0x0400},
};
INSTANTIATE_TEST_SUITE_P(Shapes, RelayRefuses, testing::ValuesIn(kRefused),
                         [](const auto& row) { return row.param.name; });

TEST_P(RelayRefuses, WithoutAskingTheChip) {
  const Refused& row = GetParam();
  RelayRig rig;
  const size_t key = rig.post(row.request, row.room);
  rig.turn();
  EXPECT_TRUE(rig.chip.asked.empty());
  const auto answer = rig.answer(key);
  ASSERT_TRUE(answer) << "the chain did not come back";
  const Frames response = to_frames(*answer);
  ASSERT_EQ(response.size(), row.frames);
  for (const Frame& frame : response) {
    EXPECT_EQ(look_at(frame).result, 1);
    EXPECT_EQ(look_at(frame).type, row.type);
  }
  EXPECT_EQ(rig.resets, 0);
}

// Split and packed rings.
class Relay : public testing::TestWithParam<bool> {
 protected:
  Look look(size_t key) {
    const auto answer = rig_.answer(key);
    EXPECT_TRUE(answer) << "no answer";
    return answer && !answer->empty() ? look_at(to_frames(*answer)[0]) : Look{};
  }
  static Frames written(uint32_t counter, uint16_t address, uint16_t result = 0) {
    return {make_frame({.type = 0x0300, .result = result, .address = address, .counter = counter})};
  }

  RelayRig rig_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Rings, Relay, testing::Bool(),
                         [](const auto& ring) { return ring.param ? "Packed" : "Split"; });

TEST_P(Relay, OneAtATimeAndInOrder) {
  const size_t first = rig_.post(with_result(write_data(0, 1, 1, 1)), 1);
  const size_t second = rig_.post(with_result(write_data(1, 2, 1, 2)), 1);
  const size_t third = rig_.post(get_counter(), 1);
  rig_.turn();
  ASSERT_EQ(rig_.chip.asked.size(), 1U);
  rig_.reply(written(1, 1));
  EXPECT_EQ(look(first).address, 1);
  ASSERT_EQ(rig_.chip.asked.size(), 2U);
  EXPECT_TRUE(rig_.chip.asked[1].write == write_data(1, 2, 1, 2));
  rig_.reply(written(2, 2));
  EXPECT_EQ(look(second).address, 2);
  rig_.reply({make_frame({.type = 0x0200, .counter = 2})});
  EXPECT_EQ(look(third).counter, 2U);
  EXPECT_EQ(rig_.chip.overlaps, 0);
}

TEST_P(Relay, AChipThatIsGoneIsAGeneralFailureAndTheNextOneIsServed) {
  const size_t write = rig_.post(with_result(write_data(0, 1, 1, 1)), 1);
  const size_t read = rig_.post(read_data(4, 3, 0x77), 3);
  const size_t silent = rig_.post(write_data(0, 1, 1, 1), 0);
  const size_t counter = rig_.post(get_counter(), 1);
  rig_.turn();
  rig_.fail();
  EXPECT_EQ(look(write), (Look{.type = 0x0300, .result = 1, .address = 1}));
  rig_.fail();
  const Frames failed = to_frames(rig_.answer(read).value());
  ASSERT_EQ(failed.size(), 3U);
  EXPECT_EQ(look_at(failed[2]),
            (Look{.type = 0x0400, .result = 1, .count = 3, .address = 4, .nonce = 0x77}));
  rig_.fail();
  EXPECT_EQ(rig_.answer(silent), Bytes());
  rig_.reply({make_frame({.type = 0x0200, .counter = 2})});
  EXPECT_EQ(look(counter).counter, 2U);
  EXPECT_EQ(rig_.counters().port_failures, 3U);
  EXPECT_EQ(rig_.counters().results[1], 3U);
}

TEST_P(Relay, WhatTheChipSaysIsCounted) {
  rig_.post(with_result(write_data(0, 1, 2, 1)), 1);
  rig_.post(with_result(write_data(0, 1, 2, 1)), 1);
  rig_.post(read_data(0, 1), 1);
  rig_.turn();
  rig_.reply(written(1, 1));
  rig_.reply(written(1, 1, 3));
  rig_.reply({make_frame({.type = 0x0400, .result = 0x80})});
  EXPECT_EQ(rig_.counters().results[0], 2U) << "an expired counter is no failure";
  EXPECT_EQ(rig_.counters().results[3], 1U);
  EXPECT_EQ(rig_.counters().blocks_written, 2U);
  EXPECT_EQ(rig_.counters().blocks_read, 1U);
}

TEST_P(Relay, ResetForgetsTheRequestAndWaitsForTheChip) {
  rig_.post(with_result(write_data(0, 1, 1, 1)), 1);
  rig_.turn();
  rig_.reset();
  EXPECT_TRUE(rig_.device->idle()) << "nothing of the guest's memory is in use";
  const size_t next = rig_.post(get_counter(), 1);
  rig_.turn();
  EXPECT_EQ(rig_.chip.asked.size(), 1U) << "the chip is still busy";
  const int completions = rig_.completions;
  rig_.reply(written(1, 1));
  EXPECT_EQ(rig_.completions, completions) << "an answer from before the reset";
  rig_.reply({make_frame({.type = 0x0200, .counter = 1})});
  EXPECT_EQ(look(next).counter, 1U);
  EXPECT_EQ(rig_.chip.overlaps, 0);
  EXPECT_EQ(rig_.counters().forgotten, 1U);
}

TEST_P(Relay, TheChipMayEndWhileNobodyIsThere) {
  rig_.post(get_counter(), 1);
  rig_.turn();
  rig_.device->stop();
  rig_.chip.fail();
  rig_.reset();
  const size_t next = rig_.post(get_counter(), 1);
  rig_.turn();
  rig_.reply({make_frame({.type = 0x0200, .counter = 5})});
  EXPECT_EQ(look(next).counter, 5U);
}

TEST_P(Relay, ConfigurationSpaceHasCapacityAndLimits) {
  std::array<std::byte, 3> config{};
  rig_.device->read_config(0, config);
  EXPECT_EQ(config, (std::array{std::byte{2}, std::byte{4}, std::byte{8}}));
}

// ---- The process dies ----

struct Found {
  std::string name;
  Look result;  // in the chip's register
  bool done;    // this says that the write happened
};

void PrintTo(const Found& row, std::ostream* out) { *out << row.name; }

class RelayKilled : public testing::TestWithParam<Found> {};

const Found kFound[] = {
    {"OurWrite", {.type = 0x0300, .address = 3, .counter = 8}, true},
    {"OurWriteAndTheLast", {.type = 0x0300, .result = 0x80, .address = 3, .counter = 8}, true},
    {"TheWriteBefore", {.type = 0x0300, .address = 3, .counter = 7}, false},
    {"AnotherAddress", {.type = 0x0300, .address = 4, .counter = 8}, false},
    {"AFailure", {.type = 0x0300, .result = 3, .address = 3, .counter = 8}, false},
    {"AKey", {.type = 0x0100, .address = 3, .counter = 8}, false},
};
INSTANTIATE_TEST_SUITE_P(Registers, RelayKilled, testing::ValuesIn(kFound),
                         [](const auto& row) { return row.param.name; });

TEST_P(RelayKilled, TheChipsResultRegisterTellsWhetherTheWriteHappened) {
  const Found& row = GetParam();
  RelayRig rig;
  const size_t key = rig.post(with_result(kTwoBlocks), 1);
  rig.turn();
  rig.kill();
  rig.turn();
  ASSERT_EQ(rig.chip.asked.size(), 2U);
  EXPECT_TRUE(rig.chip.asked[1] == (Asked{{}, only(result_read()), 1}));
  const Frames found = {make_frame(row.result)};
  rig.reply(found);
  if (row.done) {
    EXPECT_EQ(rig.answer(key), to_bytes(found));
    EXPECT_EQ(rig.chip.asked.size(), 2U) << "executed again";
    EXPECT_EQ(rig.counters().repeated, 1U);
    return;
  }
  ASSERT_EQ(rig.chip.asked.size(), 3U);
  EXPECT_TRUE(rig.chip.asked[2] == (Asked{kTwoBlocks, only(result_read()), 1}));
  const Frames response = {make_frame({.type = 0x0300, .address = 3, .counter = 8})};
  rig.reply(response);
  EXPECT_EQ(rig.answer(key), to_bytes(response));
}

TEST_P(Relay, KilledInWhatChangesNothingOrAKeyItIsSimplyAskedAgain) {
  rig_.post(get_counter(), 1);
  rig_.turn();
  rig_.kill();
  rig_.turn();
  ASSERT_EQ(rig_.chip.asked.size(), 2U);
  EXPECT_TRUE(rig_.chip.asked[1] == rig_.chip.asked[0]);
  rig_.reply({make_frame({.type = 0x0200})});
  rig_.post(with_result(program_key()), 1);
  rig_.turn();
  rig_.kill();
  rig_.turn();
  ASSERT_EQ(rig_.chip.asked.size(), 4U);
  EXPECT_TRUE(rig_.chip.asked[3] == rig_.chip.asked[2]);
}

TEST_P(Relay, AFailureToLookBackIsAFailureOfTheWrite) {
  const size_t key = rig_.post(with_result(write_data(7, 3, 1, 1)), 1);
  rig_.turn();
  rig_.kill();
  rig_.turn();
  rig_.fail();
  EXPECT_EQ(look(key).result, 1);
  EXPECT_EQ(rig_.chip.asked.size(), 2U);
}

}  // namespace
}  // namespace stratos::test
