// SPDX-License-Identifier: Apache-2.0
#include "hosts/candump_log.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace stratos::test {
namespace {

using hosts::LogEntry;
using hosts::parse_log_line;

std::string format(const LogEntry& entry) {
  std::array<char, hosts::kMaxLogLine> line{};
  return {line.data(), hosts::format_log_line(entry, line)};
}

class RoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, IsExact) {
  const auto entry = parse_log_line(GetParam());
  ASSERT_TRUE(entry) << entry.error();
  EXPECT_EQ(format(*entry), std::string(GetParam()) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Lines, RoundTrip,
    testing::Values("(1436509052.249713) can0 123#DEADBEEF", "(1436509052.249713) vcan12 000#",
                    "(0000000000.000001) can0 7FF#0011223344556677",
                    "(1436509052.249713) can0 1F334455#1122", "(1436509052.249713) can0 123#R",
                    "(1436509052.249713) can0 00000123#R8", "(1436509052.249713) can0 123##0",
                    "(1436509052.249713) can0 123##1DEADBEEF",
                    "(1436509052.249713) can0 1FFFFFFF##3"
                    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
                    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"));

TEST(ParseLogLine, ReadsTheFields) {
  const auto entry = parse_log_line("(1436509052.249713) can0 1F334455##5AABB");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->time, std::chrono::microseconds(1436509052249713));
  EXPECT_EQ(entry->interface, "can0");
  EXPECT_EQ(entry->fd_flags, 5);
  can::Frame frame{.id = 0x1f334455, .extended = true, .fd = true, .length = 2};
  frame.payload[0] = std::byte{0xaa};
  frame.payload[1] = std::byte{0xbb};
  EXPECT_EQ(entry->frame, frame);
}

TEST(ParseLogLine, UnderstandsWhatOtherToolsWrite) {
  for (const char* line : {"(1.000000) can0 123#11.22.33", "  (1.000000)\tcan0   123#112233  \r",
                           "(1.000000) can0 123#112233 R", "(1.000000) can0 123#112233 T"}) {
    const auto entry = parse_log_line(line);
    ASSERT_TRUE(entry) << line << ": " << entry.error();
    EXPECT_EQ(entry->frame.length, 3) << line;
  }
  const auto raw_dlc = parse_log_line("(1.000000) can0 123#0011223344556677_B");
  ASSERT_TRUE(raw_dlc) << raw_dlc.error();
  EXPECT_EQ(raw_dlc->frame.length, 8);
}

TEST(ParseLogLine, KnowsErrorReports) {
  const auto entry = parse_log_line("(1436509052.249713) can0 20000004#0004000000000000");
  ASSERT_TRUE(entry);
  EXPECT_TRUE(entry->error_report);
}

struct BadLine {
  const char* line;
  const char* complaint;
};

class Malformed : public testing::TestWithParam<BadLine> {};

TEST_P(Malformed, IsExplained) {
  const auto entry = parse_log_line(GetParam().line);
  ASSERT_FALSE(entry);
  EXPECT_NE(entry.error().find(GetParam().complaint), std::string::npos) << entry.error();
}

INSTANTIATE_TEST_SUITE_P(
    Lines, Malformed,
    testing::Values(
        BadLine{"", "no time"}, BadLine{"can0 123#", "no time"},
        BadLine{"(12) can0 123#", "no time"}, BadLine{"(1.5) can0 123#", "no time"},
        BadLine{"(1.-00005) can0 123#", "no time"},
        BadLine{"(99999999999999999999.000000) can0 123#", "no time"},
        BadLine{"(1.000000)", "no interface"}, BadLine{"(1.000000) can0", "no #"},
        BadLine{"(1.000000) can0 123", "no #"}, BadLine{"(1.000000) can0 1234#", "3 or 8"},
        BadLine{"(1.000000) can0 #11", "3 or 8"}, BadLine{"(1.000000) can0 xyz#11", "3 or 8"},
        BadLine{"(1.000000) can0 800#11", "more than 11 bits"},
        BadLine{"(1.000000) can0 80000000#11", "more than 29 bits"},
        BadLine{"(1.000000) can0 123#1", "no byte"}, BadLine{"(1.000000) can0 123#1g", "no byte"},
        BadLine{"(1.000000) can0 123#001122334455667788", "more than 8"},
        BadLine{"(1.000000) can0 123#R9", "no DLC"}, BadLine{"(1.000000) can0 123#Rx", "no DLC"},
        BadLine{"(1.000000) can0 123##", "flags"},
        BadLine{"(1.000000) can0 123##0001122334455667788", "no CAN FD length"},
        BadLine{"(1.000000) can0 123#11 X", "unexpected text"}));

}  // namespace
}  // namespace stratos::test
