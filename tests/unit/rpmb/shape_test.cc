// SPDX-License-Identifier: Apache-2.0
// Chains that are no request: they are answered or come back, they are counted, and the
// device goes on.

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "rpmb/rpmb_rig.h"

namespace stratos::test {
namespace {

using rpmb::Malformed;

struct Shape {
  std::string name;
  Bytes request;
  size_t room = 512;  // bytes
  Malformed why = Malformed::kNone;
  uint16_t type = 0;  // of the response
  uint16_t count = 1;
  size_t frames = 1;  // of the response
};

void PrintTo(const Shape& row, std::ostream* out) { *out << row.name; }

Bytes cut_off(Bytes bytes, size_t less) {
  bytes.resize(bytes.size() - less);
  return bytes;
}

Frames joined(Frames frames, const Frames& more) {
  frames.insert(frames.end(), more.begin(), more.end());
  return frames;
}

class RpmbShape : public testing::TestWithParam<Shape> {};

TEST_P(RpmbShape, IsRefusedAndCounted) {
  const Shape& row = GetParam();
  RpmbRig rig({.device = {.max_write_blocks = 4, .max_read_blocks = 4}});
  rig.program();
  const rpmb::State before = rig.store.current;

  const size_t key = rig.post(row.request, row.room);
  rig.turn();
  const auto answer = rig.answer(key);
  ASSERT_TRUE(answer) << "the chain did not come back";
  const Frames response = to_frames(*answer);
  ASSERT_EQ(response.size(), row.frames);
  for (const Frame& frame : response) {
    EXPECT_EQ(look_at(frame).result, 1);
    EXPECT_EQ(look_at(frame).type, row.type);
    EXPECT_EQ(look_at(frame).count, row.count);
  }
  if (!response.empty()) {
    EXPECT_EQ(hex(key_mac_in(response.back())), hex(mac_of(response, test_key())));
  }
  EXPECT_EQ(rig.store.current, before);
  EXPECT_EQ(rig.store.commits, 1U) << "something was executed";
  EXPECT_EQ(rig.counters().malformed[static_cast<size_t>(row.why)], 1U);
  EXPECT_EQ(rig.counters().unanswered, row.frames == 0 ? 1U : 0U);

  // Nothing is broken.
  EXPECT_EQ(rig.resets, 0);
  EXPECT_EQ(rig.ask_one(with_result(write_data(0, 1, 1, 0x5a))).result, 0);
  EXPECT_EQ(rig.ask_one(read_data(1, 1)).data, 0x5a);
}

const Shape kShapes[] = {
    {"NothingToRead", {}, 512, Malformed::kNoFrame},
    {"OneByte", Bytes(1), 512, Malformed::kPartialFrame},
    {"OneByteLess", cut_off(to_bytes(get_counter()), 1), 512, Malformed::kPartialFrame},
    {"AFrameAndAByte", Bytes(513), 512, Malformed::kPartialFrame},
    {"TypeZero", to_bytes({make_frame({.type = 0})}), 512, Malformed::kType},
    {"TypeOfAResponse", to_bytes({make_frame({.type = 0x0300})}), 512, Malformed::kType},
    {"TypeSix", to_bytes({make_frame({.type = 6})}), 512, Malformed::kType},
    {"TypeHuge", to_bytes({make_frame({.type = 0xffff})}), 512, Malformed::kType},
    {"WriteThenKey", to_bytes(with_result(joined(write_data(0, 0, 1, 1), program_key()))), 512,
     Malformed::kMixedTypes, 0x0300},
    {"KeyThenWrite", to_bytes(with_result(joined(program_key(), write_data(0, 0, 1, 1)))), 512,
     Malformed::kMixedTypes, 0x0100},
    {"ReadThenCounter", to_bytes(joined(read_data(0, 1), get_counter())), 512,
     Malformed::kMixedTypes, 0x0400},
    {"ResultReadFirst", to_bytes(joined({result_read()}, write_data(0, 0, 1, 1))), 512,
     Malformed::kMixedTypes},
    {"ResultReadBetween",
     to_bytes(joined(with_result(write_data(0, 0, 1, 1)), write_data(0, 0, 1, 1))), 512,
     Malformed::kResultRead, 0x0300},
    {"ResultReadTwice", to_bytes(with_result(with_result(write_data(0, 0, 1, 1)))), 512,
     Malformed::kResultRead, 0x0300},
    {"ResultReadTwiceAlone", to_bytes({result_read(), result_read()}), 512, Malformed::kResultRead},
    {"ResultReadBehindARead", to_bytes(with_result(read_data(0, 1))), 512, Malformed::kResultRead,
     0x0400},
    {"ResultReadBehindACounter", to_bytes(with_result(get_counter())), 512, Malformed::kResultRead,
     0x0200},
    {"NoRoomForTheResult", to_bytes(with_result(write_data(0, 0, 1, 1))), 0, Malformed::kRoom, 0, 1,
     0},
    {"RoomOfAByteLess", to_bytes(with_result(write_data(0, 0, 1, 1))), 511, Malformed::kRoom, 0, 1,
     0},
    {"NoRoomForTheCounter", to_bytes(get_counter()), 0, Malformed::kRoom, 0, 1, 0},
    {"NoRoomForARead", to_bytes(read_data(0, 1)), 100, Malformed::kRoom, 0, 1, 0},
    {"RoomForOneOfThree", to_bytes(read_data(0, 3)), 1023, Malformed::kRoom, 0x0400, 3, 1},
    {"RoomForTwoOfThree", to_bytes(read_data(0, 3)), 1024, Malformed::kRoom, 0x0400, 3, 2},
    {"NothingAtAllToSay", to_bytes({make_frame({.type = 99})}), 0, Malformed::kType, 0, 1, 0},
    {"FewerFramesThanCounted", to_bytes(with_result({write_data(0, 0, 3, 1)[0]})), 512,
     Malformed::kFrames, 0x0300},
    {"MoreFramesThanCounted",
     to_bytes(with_result(joined(write_data(0, 0, 1, 1), write_data(0, 0, 1, 1)))), 512,
     Malformed::kFrames, 0x0300},
    {"MoreFramesThanCountedUnasked",
     to_bytes(joined(write_data(0, 0, 1, 1), write_data(0, 0, 1, 1))), 512, Malformed::kFrames,
     0x0300},
    {"MoreFramesThanAnyLimit",
     to_bytes(with_result(joined(write_data(0, 0, 30, 1), write_data(0, 0, 20, 1)))), 512,
     Malformed::kFrames, 0x0300},
    {"TwoReadFrames", to_bytes(joined(read_data(0, 1), read_data(0, 1))), 512, Malformed::kFrames,
     0x0400},
    {"TwoKeys", to_bytes(with_result(joined(program_key(), program_key()))), 512,
     Malformed::kFrames, 0x0100},
};

INSTANTIATE_TEST_SUITE_P(Shapes, RpmbShape, testing::ValuesIn(kShapes),
                         [](const auto& row) { return row.param.name; });

// Each of these is signed as a whole, so that only the device's own look finds it.
TEST(RpmbShape, FramesThatDisagreeAreRefused) {
  for (const int field : {0, 1, 2}) {
    RpmbRig rig;
    rig.program();
    Frames frames = write_data(0, 8, 3, 1);
    Look look = look_at(frames[1]);
    if (field == 0) look.address = 9;
    if (field == 1) look.counter = 1;
    if (field == 2) look.count = 2;
    frames[1] = make_frame(look);
    set_key_mac(frames, mac_of(frames, test_key()));
    EXPECT_EQ(rig.ask_one(with_result(frames)).result, 1);
    EXPECT_EQ(rig.counters().malformed[static_cast<size_t>(Malformed::kFields)], 1U);
    EXPECT_EQ(rig.store.commits, 1U);
  }
}

// What a driver leaves in the fields that mean nothing for a request.
TEST(RpmbShape, FieldsWithoutAMeaningAreIgnored) {
  RpmbRig rig;
  rig.program();
  Frames frames{make_frame({.type = 2, .result = 0x55, .address = 0xffff, .counter = 9})};
  frames[0][0] = std::byte{1};
  set_key_mac(frames, filled(0x31));
  EXPECT_EQ(rig.ask_one(frames).result, 0);
  Frames write = write_data(0, 0, 2, 1);
  write[0][195] = std::byte{1};
  write[0][200] = std::byte{1};  // the MAC lies in the last frame only
  EXPECT_EQ(rig.ask_one(with_result(write)).result, 0);
}

// The specification wants a descriptor for each frame; how the driver cuts is its own
// business all the same (VIRTIO 1.2, 2.6.4).
TEST(RpmbShape, AnyCutOfTheChainWillDo) {
  for (const bool packed : {false, true}) {
    for (const size_t piece : {size_t{100}, size_t{512}, size_t{700}, size_t{4096}}) {
      RpmbRig rig({.packed = packed});
      rig.program();
      const size_t write = rig.post(to_bytes(with_result(write_data(0, 3, 4, 0x10))), 512, piece);
      rig.turn();
      ASSERT_EQ(rig.answer(write)->size(), 512U);
      const size_t read = rig.post(to_bytes(read_data(3, 4)), 4 * 512 + 17, piece);
      rig.turn();
      const Frames frames = to_frames(rig.answer(read).value());
      ASSERT_EQ(frames.size(), 4U);
      for (uint8_t i = 0; i < 4; ++i) EXPECT_EQ(look_at(frames[i]).data, 0x10 + i);
      EXPECT_EQ(hex(key_mac_in(frames[3])), hex(mac_of(frames, test_key())));
    }
  }
}

TEST(RpmbShape, TheLongestRequestsOfAChain) {
  RpmbRig rig({.device = {.max_write_blocks = rpmb::kMaxWriteBlocks,
                          .max_read_blocks = rpmb::kMaxReadBlocks}});
  rig.program();
  EXPECT_EQ(rig.ask_one(with_result(write_data(0, 1, 62, 1))),
            (Look{.type = 0x0300, .address = 1, .counter = 1}));
  const Frames frames = rig.ask(read_data(0, 63), 63);
  ASSERT_EQ(frames.size(), 63U);
  for (uint8_t i = 0; i < 63; ++i) EXPECT_EQ(look_at(frames[i]).data, i);
  EXPECT_EQ(hex(key_mac_in(frames.back())), hex(mac_of(frames, test_key())));
}

TEST(RpmbShape, ABrokenRingBreaksTheDevice) {
  RpmbRig rig;
  rig.program();
  rig.memory_at(rig.queue(0)->setup().driver)[3] = std::byte{0x7f};
  rig.turn();
  EXPECT_EQ(rig.resets, 1);
  rig.reset();
  EXPECT_EQ(rig.ask_one(get_counter()).result, 0);
}

}  // namespace
}  // namespace stratos::test
