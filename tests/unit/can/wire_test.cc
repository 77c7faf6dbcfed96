// SPDX-License-Identifier: Apache-2.0
#include "devices/can/wire.h"

#include <gtest/gtest.h>

#include <string>

#include "can/can_rig.h"

namespace stratos::test {
namespace {

using can::FrameTypes;
using can::Reject;

constexpr FrameTypes kEverything{.classic = true, .fd = true, .remote = true};

std::string message(const char* header, size_t payload) {
  std::string text = header;
  for (size_t i = 0; i < payload; ++i) text += "a5";
  return text;
}

struct TxCase {
  const char* name;
  std::string bytes;  // type length dlc padding xl flags id sdu
  FrameTypes types = kEverything;
  Reject expected = Reject::kNone;
};

void PrintTo(const TxCase& row, std::ostream* out) { *out << row.name; }

class ParseTx : public testing::TestWithParam<TxCase> {};

TEST_P(ParseTx, Table) {
  can::Frame frame;
  EXPECT_EQ(can::parse_tx(from_hex(GetParam().bytes), GetParam().types, frame),
            GetParam().expected);
}

const TxCase kCases[] = {
    {"Classic", message("0100 0200 00 00 0000 00000000 23010000", 2)},
    {"Empty", message("0100 0000 00 00 0000 00000000 23010000", 0)},
    {"HighestStandardId", message("0100 0100 00 00 0000 00000000 ff070000", 1)},
    {"HighestExtendedId", message("0100 0100 00 00 0000 00800000 ffffff1f", 1)},
    {"ReservedFieldsAreIgnored", message("0100 0800 0f ff ffff 00000000 23010000", 8)},
    {"MoreBytesThanLength", message("0100 0200 00 00 0000 00000000 23010000", 64)},
    {"RemoteWithPayload", message("0100 0400 00 00 0000 00200000 23010000", 4)},
    {"RemoteWithoutPayload", message("0100 0400 00 00 0000 00200000 23010000", 0)},
    {"Fd64", message("0100 4000 00 00 0000 00400000 23010000", 64)},
    {"FdWithoutClassic", message("0100 4000 00 00 0000 00400000 23010000", 64), {.fd = true}},
    {"NoBytes", "", kEverything, Reject::kShort},
    {"ShortHeader", "0100 0000 00 00 0000 00000000 230100", kEverything, Reject::kShort},
    {"RxType", message("0101 0000 00 00 0000 00000000 23010000", 0), kEverything,
     Reject::kMessageType},
    {"ControlType", message("0102 0000 00 00 0000 00000000 23010000", 0), kEverything,
     Reject::kMessageType},
    {"LowUnknownFlag", message("0100 0000 00 00 0000 01000000 23010000", 0), kEverything,
     Reject::kFlags},
    {"HighUnknownFlag", message("0100 0000 00 00 0000 00000080 23010000", 0), kEverything,
     Reject::kFlags},
    {"ClassicNotNegotiated",
     message("0100 0000 00 00 0000 00000000 23010000", 0),
     {.fd = true},
     Reject::kNotNegotiated},
    {"FdNotNegotiated",
     message("0100 0000 00 00 0000 00400000 23010000", 0),
     {.classic = true, .remote = true},
     Reject::kNotNegotiated},
    {"RemoteNotNegotiated",
     message("0100 0000 00 00 0000 00200000 23010000", 0),
     {.classic = true, .fd = true},
     Reject::kNotNegotiated},
    {"RemoteFd", message("0100 0000 00 00 0000 00600000 23010000", 0), kEverything,
     Reject::kRemoteFd},
    {"StandardIdOf12Bits", message("0100 0000 00 00 0000 00000000 00080000", 0), kEverything,
     Reject::kId},
    {"ExtendedIdOf30Bits", message("0100 0000 00 00 0000 00800000 00000020", 0), kEverything,
     Reject::kId},
    {"StandardIdWithTopBit", message("0100 0000 00 00 0000 00000000 23010080", 0), kEverything,
     Reject::kId},
    {"ClassicNine", message("0100 0900 00 00 0000 00000000 23010000", 9), kEverything,
     Reject::kLength},
    {"RemoteNine", message("0100 0900 00 00 0000 00200000 23010000", 9), kEverything,
     Reject::kLength},
    {"LengthBeyondAnyBuffer", message("0100 ffff 00 00 0000 00000000 23010000", 64), kEverything,
     Reject::kLength},
    {"FdBeyond64", message("0100 4100 00 00 0000 00400000 23010000", 64), kEverything,
     Reject::kLength},
    {"FdWhoseLowByteIs64", message("0100 4001 00 00 0000 00400000 23010000", 64), kEverything,
     Reject::kLength},
    {"PayloadTooShort", message("0100 0800 00 00 0000 00000000 23010000", 7), kEverything,
     Reject::kPayload},
    {"FdPayloadTooShort", message("0100 4000 00 00 0000 00400000 23010000", 63), kEverything,
     Reject::kPayload},
};

INSTANTIATE_TEST_SUITE_P(Cases, ParseTx, testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

TEST(Wire, FdLengthsAreExactlyThoseOfTheStandard) {
  const std::vector<uint32_t> legal{0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
  for (uint32_t length = 0; length < 70000; ++length) {
    const bool expected = std::find(legal.begin(), legal.end(), length) != legal.end();
    ASSERT_EQ(can::is_fd_length(length), expected) << length;
  }
}

TEST(Wire, ParsesTheFieldsOfAnExtendedFdFrame) {
  can::Frame frame;
  const Bytes bytes = from_hex("0100 0c00 00 00 0000 00c00000 0201ff18 000102030405060708090a0b");
  ASSERT_EQ(can::parse_tx(bytes, kEverything, frame), Reject::kNone);
  EXPECT_EQ(frame.id, 0x18ff0102U);
  EXPECT_TRUE(frame.extended);
  EXPECT_TRUE(frame.fd);
  EXPECT_FALSE(frame.remote);
  EXPECT_EQ(frame.length, 12);
  for (uint8_t i = 0; i < 12; ++i) EXPECT_EQ(frame.payload[i], std::byte{i});
}

// A frame must not depend on what the same memory held before.
TEST(Wire, ParsingLeavesNothingOfAnEarlierFrame) {
  can::Frame frame;
  ASSERT_EQ(can::parse_tx(from_hex(message("0100 4000 00 00 0000 00400000 23010000", 64)),
                          kEverything, frame),
            Reject::kNone);
  ASSERT_EQ(
      can::parse_tx(from_hex("0100 0200 00 00 0000 00000000 23010000 1122"), kEverything, frame),
      Reject::kNone);
  can::Frame expected{.id = 0x123, .length = 2};
  expected.payload[0] = std::byte{0x11};
  expected.payload[1] = std::byte{0x22};
  EXPECT_EQ(frame, expected);
}

TEST(Wire, FormatsRx) {
  std::array<std::byte, can::kMaxMessage> out;
  out.fill(std::byte{0xee});
  can::Frame frame = {.id = 0x18ff0102, .extended = true, .length = 2};
  frame.payload[0] = std::byte{0xab};
  const size_t size = can::format_rx(frame, out);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + static_cast<ptrdiff_t>(size)),
            from_hex("0101 0200 00 00 0000 00800000 0201ff18 ab00"));
}

TEST(Wire, ARemoteFrameCarriesAsManyZeroBytesAsItAsksFor) {
  std::array<std::byte, can::kMaxMessage> out;
  out.fill(std::byte{0xee});
  const can::Frame frame = {.id = 0x7, .remote = true, .length = 3};
  const size_t size = can::format_rx(frame, out);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + static_cast<ptrdiff_t>(size)),
            from_hex("0101 0300 00 00 0000 00200000 07000000 000000"));
}

}  // namespace
}  // namespace stratos::test
