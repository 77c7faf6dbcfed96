// SPDX-License-Identifier: Apache-2.0
#include "runtime/timer.h"

#include <liburing.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "runtime/test_loop.h"

namespace stratos::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Timer, FiresOnceAndNotEarly) {
  auto loop = make_loop();
  int fired = 0;
  Timer timer(*loop, [&] { ++fired; });
  loop->turn(false);
  const uint64_t start = loop->now();
  timer.start_once(milliseconds(20));
  EXPECT_TRUE(timer.running());
  ASSERT_TRUE(turn_until(*loop, [&] { return fired > 0; }));
  EXPECT_GE(loop->now() - start, 20'000'000U);
  EXPECT_FALSE(timer.running());
  EXPECT_FALSE(turn_until(
      *loop, [&] { return fired > 1; }, milliseconds(60)));
}

TEST(Timer, PeriodicKeepsItsBeat) {
  auto loop = make_loop();
  int fired = 0;
  Timer timer(*loop, [&] { ++fired; });
  loop->turn(false);
  const uint64_t start = loop->now();
  timer.start_periodic(milliseconds(5));
  ASSERT_TRUE(turn_until(*loop, [&] { return fired == 10; }));
  EXPECT_GE(loop->now() - start, 50'000'000U);
  timer.stop();
  EXPECT_FALSE(turn_until(
      *loop, [&] { return fired > 10; }, milliseconds(30)));
}

TEST(Timer, StoppedTimerDoesNotFire) {
  auto loop = make_loop();
  int fired = 0;
  Timer timer(*loop, [&] { ++fired; });
  timer.start_once(milliseconds(5));
  loop->turn(false);
  timer.stop();
  EXPECT_FALSE(timer.running());
  EXPECT_FALSE(turn_until(
      *loop, [&] { return fired > 0; }, milliseconds(30)));
}

TEST(Timer, EarlierDeadlineReplacesALaterOne) {
  auto loop = make_loop();
  int fired = 0;
  Timer timer(*loop, [&] { ++fired; });
  timer.start_once(seconds(3600));
  loop->turn(false);
  timer.start_once(milliseconds(1));
  ASSERT_TRUE(turn_until(*loop, [&] { return fired == 1; }));
}

TEST(Timer, LaterDeadlineReplacesAnEarlierOne) {
  auto loop = make_loop();
  int fired = 0;
  Timer timer(*loop, [&] { ++fired; });
  timer.start_once(milliseconds(1));
  loop->turn(false);
  const uint64_t start = loop->now();
  timer.start_once(milliseconds(40));
  ASSERT_TRUE(turn_until(*loop, [&] { return fired == 1; }));
  EXPECT_GE(loop->now() - start, 39'000'000U);
}

TEST(Timer, StopThenStartWithTheCancellationStillUnderWay) {
  auto loop = make_loop();
  int fired = 0;
  Timer timer(*loop, [&] { ++fired; });
  timer.start_once(seconds(3600));
  loop->turn(false);
  timer.stop();
  timer.start_once(milliseconds(1));
  ASSERT_TRUE(turn_until(*loop, [&] { return fired == 1; }));
}

TEST(Timer, RingThatDoesNotAllowTimersIsReportedAndTheTimerStops) {
  constexpr std::array<uint8_t, 1> kAllowed = {IORING_OP_NOP};
  auto loop = make_loop({.allowed_operations = kAllowed});
  Timer timer(*loop, [] { ADD_FAILURE(); });
  testing::internal::CaptureStderr();
  timer.start_once(milliseconds(1));
  while (timer.running()) loop->turn(true);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cannot set a timer"), std::string::npos);
}

TEST(Timer, MayBeDestroyedFromItsCallbackOrWhilePending) {
  auto loop = make_loop();
  bool fired = false;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(*loop, [&] {
    fired = true;
    timer.reset();
  });
  timer->start_periodic(milliseconds(1));
  ASSERT_TRUE(turn_until(*loop, [&] { return fired; }));
  auto other = std::make_unique<Timer>(*loop, [] { ADD_FAILURE(); });
  other->start_once(milliseconds(5));
  loop->turn(false);
  other.reset();
  EXPECT_FALSE(turn_until(
      *loop, [] { return false; }, milliseconds(20)));
}

}  // namespace
}  // namespace stratos::runtime
