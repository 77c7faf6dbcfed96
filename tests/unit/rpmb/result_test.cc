// SPDX-License-Identifier: Apache-2.0
// The result tables of the specification, row by row. A row that fails a check fails
// all the later ones, too, so that the order is what the test is about.

#include <gtest/gtest.h>

#include <string>

#include "rpmb/rpmb_rig.h"

namespace stratos::test {
namespace {

constexpr uint32_t kEnd = 0xffffffff;
constexpr uint16_t kMaxWrite = 4;
constexpr uint16_t kMaxRead = 5;
constexpr uint16_t kBlocks = 512;

struct Row {
  std::string name;
  Frames request;
  Look expected;
  bool key = true;
  uint32_t counter = 7;
  size_t frames = 1;  // of the response, all alike
  bool commits = false;
  bool store_fails = false;
  bool configuration = false;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

Secret other_key() { return filled(0x99); }

Frames with_count(Frames frames, uint16_t count) {
  Look look = look_at(frames[0]);
  look.count = count;
  const Secret mac = key_mac_in(frames.back());
  frames[0] = make_frame(look);
  set_key_mac(frames, mac);
  return frames;
}

class RpmbResult : public testing::TestWithParam<Row> {};

TEST_P(RpmbResult, Table) {
  const Row& row = GetParam();
  RpmbRig rig({.device = {.max_write_blocks = kMaxWrite,
                          .max_read_blocks = kMaxRead,
                          .device_configuration = row.configuration},
               .blocks = kBlocks});
  rig.store.current.key_programmed = row.key;
  if (row.key) rig.store.current.key = test_key();
  rig.store.current.write_counter = row.counter;
  if (row.store_fails) rig.store.failing_commits = rig.store.failing_reads = 1;
  const rpmb::State before = rig.store.current;
  const std::vector<std::byte> bytes_before = rig.store.bytes;

  const Frames response = rig.ask(row.request, row.frames);
  ASSERT_EQ(response.size(), row.frames);
  for (const Frame& frame : response) EXPECT_EQ(look_at(frame), row.expected);
  const bool signs = rig.store.current.key_programmed;
  EXPECT_EQ(hex(key_mac_in(response.back())), hex(signs ? mac_of(response, test_key()) : Secret{}));
  EXPECT_EQ(rig.store.commits,
            row.commits || (row.store_fails && row.request.size() > 1) ? 1U : 0U);
  EXPECT_EQ(rig.store.current != before, row.commits);
  if (!row.commits) {
    EXPECT_EQ(rig.store.bytes, bytes_before);
  }
  EXPECT_EQ(rig.resets, 0);
}

const Row kProgramKey[] = {
    {.name = "KeyOk",
     .request = with_result(program_key()),
     .expected = {.type = 0x0100},
     .key = false,
     .counter = 0,
     .commits = true},
    {.name = "KeyCountZero",
     .request = with_result(with_count(program_key(), 0)),
     .expected = {.type = 0x0100, .result = 1},
     .key = true},
    {.name = "KeyCountTwo",
     .request = with_result(with_count(program_key(), 2)),
     .expected = {.type = 0x0100, .result = 1},
     .key = false},
    {.name = "KeyTwice",
     .request = with_result(program_key(other_key())),
     .expected = {.type = 0x0100, .result = 5}},
    {.name = "KeyTwiceTheSame",
     .request = with_result(program_key()),
     .expected = {.type = 0x0100, .result = 5}},
    {.name = "KeyStoreFails",
     .request = with_result(program_key()),
     .expected = {.type = 0x0100, .result = 5},
     .key = false,
     .counter = 0,
     .store_fails = true},
};

const Row kGetCounter[] = {
    {.name = "CounterOk",
     .request = get_counter(0x33),
     .expected = {.type = 0x0200, .counter = 7, .nonce = 0x33}},
    {.name = "CounterZero",
     .request = get_counter(0x33),
     .expected = {.type = 0x0200, .nonce = 0x33},
     .counter = 0},
    {.name = "CounterNoKey",
     .request = with_count(get_counter(0x33), 0),
     .expected = {.type = 0x0200, .result = 7, .nonce = 0x33},
     .key = false},
    {.name = "CounterCountZero",
     .request = with_count(get_counter(0x33), 0),
     .expected = {.type = 0x0200, .result = 1, .nonce = 0x33}},
    {.name = "CounterCountTwo",
     .request = with_count(get_counter(0x33), 2),
     .expected = {.type = 0x0200, .result = 1, .nonce = 0x33}},
    {.name = "CounterExpired",
     .request = get_counter(0x33),
     .expected = {.type = 0x0200, .result = 0x80, .counter = kEnd, .nonce = 0x33},
     .counter = kEnd},
};

const Row kDataWrite[] = {
    {.name = "WriteOk",
     .request = with_result(write_data(7, 0, 1, 1)),
     .expected = {.type = 0x0300, .counter = 8},
     .commits = true},
    {.name = "WriteAsManyAsAllowed",
     .request = with_result(write_data(7, kBlocks - kMaxWrite, kMaxWrite, 1)),
     .expected = {.type = 0x0300, .address = kBlocks - kMaxWrite, .counter = 8},
     .commits = true},
    {.name = "WriteLastPossible",
     .request = with_result(write_data(kEnd - 1, 3, 1, 1)),
     .expected = {.type = 0x0300, .result = 0x80, .address = 3, .counter = kEnd},
     .counter = kEnd - 1,
     .commits = true},
    {.name = "WriteNoKey",
     .request = with_result(with_count(write_data(1, 9000, 1, 1, other_key()), 0)),
     .expected = {.type = 0x0300, .result = 7, .address = 9000, .counter = 7},
     .key = false},
    {.name = "WriteTooManyNoKey",
     .request = with_result(write_data(1, 9000, kMaxWrite + 1, 1, other_key())),
     .expected = {.type = 0x0300, .result = 7, .address = 9000, .counter = 7},
     .key = false},
    {.name = "WriteCountZero",
     .request = with_result(with_count(write_data(1, 9000, 1, 1, other_key()), 0)),
     .expected = {.type = 0x0300, .result = 0x81, .address = 9000, .counter = kEnd},
     .counter = kEnd},
    {.name = "WriteCountAboveLimit",
     .request = with_result(write_data(1, 9000, kMaxWrite + 1, 1, other_key())),
     .expected = {.type = 0x0300, .result = 0x81, .address = 9000, .counter = kEnd},
     .counter = kEnd},
    {.name = "WriteCountHuge",
     .request = with_result(with_count(write_data(1, 9000, 1, 1, other_key()), 0xffff)),
     .expected = {.type = 0x0300, .result = 1, .address = 9000, .counter = 7}},
    {.name = "WriteExpired",
     .request = with_result(write_data(1, 9000, 1, 1, other_key())),
     .expected = {.type = 0x0300, .result = 0x85, .address = 9000, .counter = kEnd},
     .counter = kEnd},
    {.name = "WriteExpiredAllElseRight",
     .request = with_result(write_data(kEnd, 0, 1, 1)),
     .expected = {.type = 0x0300, .result = 0x85, .counter = kEnd},
     .counter = kEnd},
    {.name = "WriteAddress",
     .request = with_result(write_data(1, kBlocks, 1, 1, other_key())),
     .expected = {.type = 0x0300, .result = 4, .address = kBlocks, .counter = 7}},
    {.name = "WritePartlyBeyondTheEnd",
     .request = with_result(write_data(7, kBlocks - 1, 2, 1)),
     .expected = {.type = 0x0300, .result = 4, .address = kBlocks - 1, .counter = 7}},
    {.name = "WriteAddressThatWraps",
     .request = with_result(write_data(7, 0xffff, 2, 1)),
     .expected = {.type = 0x0300, .result = 4, .address = 0xffff, .counter = 7}},
    {.name = "WriteMac",
     .request = with_result(write_data(1, 0, 1, 1, other_key())),
     .expected = {.type = 0x0300, .result = 2, .counter = 7}},
    {.name = "WriteCounterBehind",
     .request = with_result(write_data(6, 0, 1, 1)),
     .expected = {.type = 0x0300, .result = 3, .counter = 7}},
    {.name = "WriteCounterAhead",
     .request = with_result(write_data(8, 0, 1, 1)),
     .expected = {.type = 0x0300, .result = 3, .counter = 7}},
    {.name = "WriteStoreFails",
     .request = with_result(write_data(7, 0, 1, 1)),
     .expected = {.type = 0x0300, .result = 5, .counter = 7},
     .store_fails = true},
};

Look read_look(uint16_t result, uint16_t address, uint16_t count) {
  return {.type = 0x0400, .result = result, .count = count, .address = address, .nonce = 0x22};
}

const Row kDataRead[] = {
    {.name = "ReadOk", .request = read_data(3, 1), .expected = read_look(0, 3, 1)},
    {.name = "ReadAsManyAsAllowed",
     .request = read_data(kBlocks - kMaxRead, kMaxRead),
     .expected = read_look(0, kBlocks - kMaxRead, kMaxRead),
     .frames = kMaxRead},
    {.name = "ReadExpired",
     .request = read_data(3, 1),
     .expected = read_look(0x80, 3, 1),
     .counter = kEnd},
    {.name = "ReadNoKey",
     .request = read_data(9000, 0),
     .expected = read_look(7, 9000, 0),
     .key = false},
    {.name = "ReadCountZero", .request = read_data(9000, 0), .expected = read_look(1, 9000, 0)},
    {.name = "ReadCountAboveLimit",
     .request = read_data(9000, kMaxRead + 1),
     .expected = read_look(1, 9000, kMaxRead + 1),
     .frames = kMaxRead},
    {.name = "ReadCountHuge", .request = read_data(0, 0xffff), .expected = read_look(1, 0, 0xffff)},
    {.name = "ReadAddress", .request = read_data(kBlocks, 1), .expected = read_look(4, kBlocks, 1)},
    {.name = "ReadPartlyBeyondTheEnd",
     .request = read_data(kBlocks - 1, 2),
     .expected = read_look(4, kBlocks - 1, 2),
     .frames = 2},
    {.name = "ReadAddressThatWraps",
     .request = read_data(0xffff, 2),
     .expected = read_look(4, 0xffff, 2),
     .frames = 2},
    {.name = "ReadStoreFails",
     .request = read_data(3, 3),
     .expected = read_look(6, 3, 3),
     .frames = 3,
     .store_fails = true},
};

const Row kResultRead[] = {
    {.name = "ResultCountZero", .request = {result_read(0)}, .expected = {.type = 0, .result = 1}},
    {.name = "ResultCountTwo", .request = {result_read(2)}, .expected = {.type = 0, .result = 1}},
    {.name = "ResultOfNothing", .request = {result_read()}, .expected = {.type = 0, .result = 1}},
    {.name = "ResultBehindAWriteCountZero",
     .request = {write_data(7, 0, 1, 1)[0], result_read(0)},
     .expected = {.type = 0x0300, .result = 1, .counter = 7}},
};

// Requests 6 and 7.
const Row kConfiguration[] = {
    {.name = "ConfigWriteOff",
     .request = {write_config(7, 1, 1)},
     .expected = {.type = 0, .result = 1}},
    {.name = "ConfigReadOff",
     .request = {make_frame({.type = 7})},
     .expected = {.type = 0, .result = 1}},
    {.name = "ConfigWriteEnable",
     .request = with_result(write_config(7, 1, 1)),
     .expected = {.type = 0x0600, .address = 1, .counter = 8},
     .commits = true,
     .configuration = true},
    {.name = "ConfigWriteConfig",
     .request = with_result(write_config(7, 2, 1)),
     .expected = {.type = 0x0600, .address = 2, .counter = 8},
     .commits = true,
     .configuration = true},
    {.name = "ConfigWriteNoKey",
     .request = with_result(write_config(1, 3, 1, other_key())),
     .expected = {.type = 0x0600, .result = 7, .address = 3, .counter = 7},
     .key = false,
     .configuration = true},
    {.name = "ConfigWriteExpired",
     .request = with_result(write_config(1, 3, 1, other_key())),
     .expected = {.type = 0x0600, .result = 0x85, .address = 3, .counter = kEnd},
     .counter = kEnd,
     .configuration = true},
    {.name = "ConfigWriteAddress",
     .request = with_result(write_config(1, 3, 1, other_key())),
     .expected = {.type = 0x0600, .result = 4, .address = 3, .counter = 7},
     .configuration = true},
    {.name = "ConfigWriteMac",
     .request = with_result(write_config(1, 1, 1, other_key())),
     .expected = {.type = 0x0600, .result = 2, .address = 1, .counter = 7},
     .configuration = true},
    {.name = "ConfigWriteCounter",
     .request = with_result(write_config(6, 1, 2)),
     .expected = {.type = 0x0600, .result = 3, .address = 1, .counter = 7},
     .configuration = true},
    {.name = "ConfigWriteReservedBit",
     .request = with_result(write_config(7, 1, 3)),
     .expected = {.type = 0x0600, .result = 5, .address = 1, .counter = 7},
     .configuration = true},
    {.name = "ConfigReadNoKey",
     .request = {make_frame({.type = 7, .count = 0, .nonce = 0x44})},
     .expected = {.type = 0x0700, .result = 7, .nonce = 0x44},
     .key = false,
     .configuration = true},
    {.name = "ConfigReadCountTwo",
     .request = {make_frame({.type = 7, .count = 2, .nonce = 0x44})},
     .expected = {.type = 0x0700, .result = 1, .nonce = 0x44},
     .configuration = true},
    {.name = "ConfigReadOk",
     .request = {make_frame({.type = 7, .nonce = 0x44})},
     .expected = {.type = 0x0700, .nonce = 0x44},
     .configuration = true},
};

std::string row_name(const testing::TestParamInfo<Row>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(ProgramKey, RpmbResult, testing::ValuesIn(kProgramKey), row_name);
INSTANTIATE_TEST_SUITE_P(GetCounter, RpmbResult, testing::ValuesIn(kGetCounter), row_name);
INSTANTIATE_TEST_SUITE_P(DataWrite, RpmbResult, testing::ValuesIn(kDataWrite), row_name);
INSTANTIATE_TEST_SUITE_P(DataRead, RpmbResult, testing::ValuesIn(kDataRead), row_name);
INSTANTIATE_TEST_SUITE_P(ResultRead, RpmbResult, testing::ValuesIn(kResultRead), row_name);
INSTANTIATE_TEST_SUITE_P(Configuration, RpmbResult, testing::ValuesIn(kConfiguration), row_name);

TEST(RpmbConfiguration, RegistersAreReadBackWhereTheStandardPutsThem) {
  RpmbRig rig({.device = {.device_configuration = true}});
  rig.program();
  rig.ask_one(with_result(write_config(0, 1, 1)));
  const Frames one = rig.ask({make_frame({.type = 7, .nonce = 0x44})});
  EXPECT_EQ(block_in(one.at(0))[255], std::byte{1});
  EXPECT_EQ(block_in(one.at(0))[254], std::byte{0});
  rig.ask_one(with_result(write_config(1, 2, 1)));
  rig.ask_one(with_result(write_config(2, 1, 0)));
  const Frames two = rig.ask({make_frame({.type = 7, .nonce = 0x44})});
  EXPECT_EQ(block_in(two.at(0))[255], std::byte{0});
  EXPECT_EQ(block_in(two.at(0))[254], std::byte{1});
  EXPECT_EQ(rig.store.current.write_counter, 3U);
}

// The register keeps the last result, however often it is read.
TEST(RpmbRegister, AResultThatNobodyAskedForIsReadLater) {
  RpmbRig rig;
  EXPECT_TRUE(rig.ask(program_key(), 0).empty());
  EXPECT_EQ(rig.ask_one({result_read()}), (Look{.type = 0x0100}));
  EXPECT_TRUE(rig.ask(write_data(0, 5, 2, 1), 0).empty());
  const Look written{.type = 0x0300, .address = 5, .counter = 1};
  EXPECT_EQ(rig.ask_one({result_read()}), written);
  EXPECT_EQ(rig.ask_one(get_counter()).counter, 1U);
  EXPECT_EQ(rig.ask_one({result_read()}), written);
  // Room without RESULT_READ: nothing is written there.
  EXPECT_TRUE(rig.ask(write_data(0, 5, 2, 1), 1).empty());
  EXPECT_EQ(rig.ask_one({result_read()}),
            (Look{.type = 0x0300, .result = 3, .address = 5, .counter = 1}));
}

TEST(RpmbCounter, CountsRequestsAndNotBlocks) {
  RpmbRig rig;
  rig.program();
  for (uint16_t i = 0; i < 5; ++i) {
    const Look look = rig.ask_one(with_result(write_data(i, 0, static_cast<uint16_t>(i + 1), 1)));
    EXPECT_EQ(look.result, 0);
    EXPECT_EQ(look.counter, i + 1U);
  }
}

TEST(RpmbCounter, StaysAtItsEndForGood) {
  RpmbRig rig;
  rig.program();
  rig.store.current.write_counter = kEnd - 2;
  EXPECT_EQ(rig.ask_one(with_result(write_data(kEnd - 2, 0, 1, 1))).result, 0);
  EXPECT_EQ(rig.ask_one(with_result(write_data(kEnd - 1, 0, 1, 2))).result, 0x80);
  for (const uint32_t counter : {kEnd, 0U, kEnd - 1}) {
    EXPECT_EQ(rig.ask_one(with_result(write_data(counter, 0, 1, 3))).result, 0x85);
  }
  EXPECT_EQ(rig.ask_one(get_counter()).counter, kEnd);
  EXPECT_EQ(rig.ask_one(read_data(0, 1)).data, 2);
}

TEST(RpmbCounters, SayWhatHappened) {
  RpmbRig rig;
  rig.program();
  rig.ask_one(with_result(write_data(0, 0, 3, 1)));
  rig.ask_one(with_result(write_data(0, 0, 1, 1)));
  rig.ask(read_data(0, 2), 2);
  rig.ask({make_frame({.type = 9})});
  const rpmb::Counters& c = rig.counters();
  EXPECT_EQ(c.requests[1], 1U);
  EXPECT_EQ(c.requests[3], 2U);
  EXPECT_EQ(c.requests[4], 1U);
  EXPECT_EQ(c.requests[0], 1U);
  EXPECT_EQ(c.results[0], 3U);
  EXPECT_EQ(c.results[1], 1U);
  EXPECT_EQ(c.results[3], 1U);
  EXPECT_EQ(c.blocks_written, 3U);
  EXPECT_EQ(c.blocks_read, 2U);
  EXPECT_EQ(c.malformed[static_cast<size_t>(rpmb::Malformed::kType)], 1U);
}

}  // namespace
}  // namespace stratos::test
