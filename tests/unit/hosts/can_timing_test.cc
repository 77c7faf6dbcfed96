// SPDX-License-Identifier: Apache-2.0
#include "hosts/can_timing.h"

#include <gtest/gtest.h>

#include <vector>

namespace stratos::test {
namespace {

using can::Frame;
using hosts::arbitration_key;
using hosts::frame_time;

// Each line beats the next one on a real bus.
TEST(Arbitration, OrderIsThatOfTheWire) {
  const std::vector<Frame> order{
      {.id = 0x000},
      {.id = 0x0ff},
      {.id = 0x100},
      {.id = 0x100, .fd = true},
      {.id = 0x100, .remote = true},
      {.id = 0x100U << 18, .extended = true},
      {.id = 0x100U << 18, .extended = true, .fd = true},
      {.id = 0x100U << 18, .extended = true, .remote = true},
      {.id = (0x100U << 18) + 1, .extended = true},
      {.id = 0x101},
      {.id = 0x7ff},
      {.id = 0x7ff, .remote = true},
      {.id = 0x7ffU << 18, .extended = true},
      {.id = 0x1fffffff, .extended = true},
      {.id = 0x1fffffff, .extended = true, .remote = true},
  };
  for (size_t i = 1; i < order.size(); ++i) {
    EXPECT_LT(arbitration_key(order[i - 1]), arbitration_key(order[i])) << i;
  }
}

// The bounds of the literature on schedulability: 55 + 10 s bits for a standard
// frame of s bytes, 80 + 10 s for an extended one.
TEST(FrameTime, ClassicFramesTakeTheWorstCaseOfTheLiterature) {
  const hosts::BitRate rate{.nominal = 1'000'000};
  for (uint8_t length = 0; length <= 8; ++length) {
    const Frame standard{.id = 1, .length = length};
    EXPECT_EQ(frame_time(standard, rate), std::chrono::microseconds(55 + 10 * length));
    const Frame extended{.id = 1, .extended = true, .length = length};
    EXPECT_EQ(frame_time(extended, rate), std::chrono::microseconds(80 + 10 * length));
  }
}

TEST(FrameTime, ARemoteFrameHasNoPayload) {
  const hosts::BitRate rate{.nominal = 500'000};
  EXPECT_EQ(frame_time({.id = 1, .remote = true, .length = 8}, rate),
            frame_time({.id = 1, .length = 0}, rate));
}

TEST(FrameTime, TheDataRateShortensOnlyFdFrames) {
  const hosts::BitRate slow{.nominal = 500'000};
  const hosts::BitRate fast{.nominal = 500'000, .data = 5'000'000};
  const Frame classic{.id = 1, .length = 8};
  const Frame fd{.id = 1, .fd = true, .length = 64};
  EXPECT_EQ(frame_time(classic, slow), frame_time(classic, fast));
  EXPECT_LT(frame_time(fd, fast) * 4, frame_time(fd, slow));
  EXPECT_GT(frame_time(fd, fast), std::chrono::microseconds(64 * 8 / 5));
}

TEST(FrameTime, WithoutARateFramesTakeNoTime) {
  EXPECT_EQ(frame_time({.id = 1, .length = 8}, {}).count(), 0);
}

}  // namespace
}  // namespace stratos::test
