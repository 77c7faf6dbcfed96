// SPDX-License-Identifier: Apache-2.0
// Without a clock: the tests say what time it is.

#include "runtime/adaptive_poll.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <utility>
#include <vector>

namespace stratos::runtime {
namespace {

constexpr uint64_t kUs = 1000;
constexpr uint64_t kPollTime = 50 * kUs;
constexpr uint64_t kBegin = 1'000'000 * kUs;
constexpr AdaptivePoll::Advice kLook{.look = true};
constexpr AdaptivePoll::Advice kSleep{};

// Requests that are `gap` apart; returns the time of the last one.
uint64_t settle(AdaptivePoll& poll, uint64_t gap, int count = 100) {
  for (int i = 0; i < count; ++i) poll.on_request(kBegin + static_cast<uint64_t>(i) * gap);
  return kBegin + static_cast<uint64_t>(count - 1) * gap;
}

TEST(AdaptivePoll, NeverLooksWithoutPollTime) {
  AdaptivePoll poll(0);
  const uint64_t last = settle(poll, 10 * kUs);
  EXPECT_EQ(poll.on_idle(last + kUs), kSleep);
}

TEST(AdaptivePoll, NeverLooksUntilItKnowsAPace) {
  AdaptivePoll poll(kPollTime);
  EXPECT_EQ(poll.on_idle(kBegin), kSleep);
  const uint64_t last = settle(poll, 10 * kUs, 2);
  EXPECT_EQ(poll.on_idle(last), kSleep);
  poll.on_request(last + 10 * kUs);
  EXPECT_EQ(poll.on_idle(last + 10 * kUs), kLook);
}

TEST(AdaptivePoll, TakesRequestsOfOneTimeForOne) {
  AdaptivePoll poll(kPollTime);
  for (int i = 0; i < 100; ++i) poll.on_request(kBegin);
  EXPECT_EQ(poll.on_idle(kBegin), kSleep);
}

struct Pace {
  const char* name;
  uint64_t gap_us;
  bool looks;
  uint64_t wake_us = 0;  // after the last request; 0: sleeps without an end
  friend std::ostream& operator<<(std::ostream& out, const Pace& pace) { return out << pace.name; }
};

class AdaptivePollPaces : public testing::TestWithParam<Pace> {};

TEST_P(AdaptivePollPaces, DecideWhatToDo) {
  const Pace& pace = GetParam();
  AdaptivePoll poll(kPollTime);
  const uint64_t last = settle(poll, pace.gap_us * kUs);
  const auto advice = poll.on_idle(last + kUs);
  EXPECT_EQ(advice.look, pace.looks);
  if (pace.wake_us == 0) {
    EXPECT_EQ(advice.wake_at, AdaptivePoll::kNever);
  } else {
    EXPECT_NEAR(static_cast<double>(advice.wake_at - last) / kUs, static_cast<double>(pace.wake_us),
                1.0);
  }
}

// A steady pace is met an eighth of the poll time ahead.
INSTANTIATE_TEST_SUITE_P(All, AdaptivePollPaces,
                         testing::Values(Pace{"AsFastAsItGoes", 1, true},
                                         Pace{"WithinReachOfALook", 40, true},
                                         Pace{"TenThousandASecond", 100, false, 94},
                                         Pace{"TwoThousandASecond", 500, false, 494},
                                         Pace{"AThousandASecond", 1000, false},
                                         Pace{"AHeartbeat", 100'000, false}),
                         [](const auto& pace) { return pace.param.name; });

TEST(AdaptivePoll, ALookEndsWithThePollTimeAndThenItSleeps) {
  AdaptivePoll poll(kPollTime);
  const uint64_t begin = settle(poll, 10 * kUs) + kUs;
  EXPECT_EQ(poll.on_idle(begin), kLook);
  EXPECT_EQ(poll.on_idle(begin + kPollTime - 1), kLook);
  EXPECT_EQ(poll.on_idle(begin + kPollTime), kSleep);
  EXPECT_EQ(poll.on_idle(begin + kPollTime + kUs), kSleep);
}

TEST(AdaptivePoll, SleepsAgainIfSomethingElseEndedTheSleep) {
  AdaptivePoll poll(kPollTime);
  const uint64_t last = settle(poll, 100 * kUs);
  const auto advice = poll.on_idle(last + kUs);
  EXPECT_EQ(poll.on_idle(last + 20 * kUs), advice);
  EXPECT_EQ(poll.on_idle(advice.wake_at), kLook);
}

TEST(AdaptivePoll, DoesNotLookForARequestThatIsOverdue) {
  AdaptivePoll poll(kPollTime);
  const uint64_t last = settle(poll, 100 * kUs);
  EXPECT_EQ(poll.on_idle(last + 160 * kUs), kSleep);
}

TEST(AdaptivePoll, APauseMakesItForgetThePace) {
  AdaptivePoll poll(kPollTime);
  const uint64_t last = settle(poll, 10 * kUs);
  const uint64_t later = last + 10'000 * kUs;
  poll.on_request(later);
  EXPECT_EQ(poll.on_idle(later), kSleep);
}

TEST(AdaptivePoll, ALateGapIsNoNewPace) {
  AdaptivePoll poll(kPollTime);
  const uint64_t last = settle(poll, 100 * kUs);
  poll.on_request(last + 700 * kUs);
  const auto advice = poll.on_idle(last + 700 * kUs);
  EXPECT_LT(advice.wake_at, last + 810 * kUs);
}

// ---- A load, in steps of a microsecond ----

struct Outcome {
  size_t found = 0;      // by a look
  uint64_t looking = 0;  // microseconds
  uint64_t in_vain = 0;  // of these
  uint64_t wakes = 0;    // by the end of a sleep
};

// Serves requests at `times` (in microseconds, ascending); an end of a sleep is `late`.
Outcome run(AdaptivePoll& poll, const std::vector<uint64_t>& times, uint64_t late) {
  Outcome outcome;
  uint64_t now = kBegin;
  uint64_t look = 0;  // so far
  for (const uint64_t time : times) {
    const uint64_t request = kBegin + time * kUs;
    bool looking = false;
    while (now < request) {
      const auto advice = poll.on_idle(now);
      looking = advice.look;
      if (looking) {
        now += kUs;
        ++look;
        continue;
      }
      outcome.in_vain += std::exchange(look, 0);
      if (advice.wake_at >= request) {
        now = request;
        break;
      }
      ++outcome.wakes;
      now = advice.wake_at + late;
    }
    if (looking) {
      ++outcome.found;
      EXPECT_LE(look * kUs, kPollTime + kUs);
      outcome.looking += look;
    }
    look = 0;
    now = std::max(now, request);
    poll.on_request(now);
  }
  outcome.looking += outcome.in_vain;
  return outcome;
}

std::vector<uint64_t> periodic(size_t count, uint64_t period, uint64_t jitter) {
  std::mt19937 random(1);
  std::vector<uint64_t> times;
  for (size_t i = 0; i < count; ++i) times.push_back(i * period + random() % (jitter + 1));
  return times;
}

TEST(AdaptivePoll, FindsTheRequestsOfASteadyLoad) {
  AdaptivePoll poll(kPollTime);
  const Outcome outcome = run(poll, periodic(10'000, 100, 0), 30);
  EXPECT_GT(outcome.found, 9'900U) << "also where sleeps are late";
  EXPECT_LT(outcome.looking, 15U * 10'000);
}

TEST(AdaptivePoll, FindsMostRequestsOfALoadThatJitters) {
  AdaptivePoll poll(kPollTime);
  const Outcome outcome = run(poll, periodic(10'000, 100, 20), 10);
  EXPECT_GT(outcome.found, 8'000U);
  EXPECT_LE(outcome.looking, 50U * 10'000);
}

TEST(AdaptivePoll, LooksInVainTakeATenthOfTheTimeAtMost) {
  // Requests that keep it interested and never come when it looks: twos, far apart.
  std::vector<uint64_t> times;
  for (uint64_t at = 0; at < 10'000'000; at += 400) {
    times.push_back(at);
    times.push_back(at + 10);
    times.push_back(at + 20);
  }
  AdaptivePoll poll(kPollTime);
  const Outcome outcome = run(poll, times, 0);
  EXPECT_GT(outcome.in_vain, 0U);
  EXPECT_LE(outcome.in_vain,
            10'000'000U / AdaptivePoll::kVainShare + AdaptivePoll::kAllowance * kPollTime / kUs);
}

TEST(AdaptivePoll, RandomRequestsCostNoMoreThanIsStated) {
  std::mt19937 random(1);
  std::exponential_distribution<> gaps(1.0 / 100);
  std::vector<uint64_t> times;
  for (double at = 0; at < 10e6; at += gaps(random)) times.push_back(static_cast<uint64_t>(at));
  AdaptivePoll poll(kPollTime);
  const Outcome outcome = run(poll, times, 10);
  EXPECT_LE(outcome.in_vain,
            10'000'000U / AdaptivePoll::kVainShare + AdaptivePoll::kAllowance * kPollTime / kUs);
  EXPECT_LE(outcome.looking - outcome.in_vain, 50U * outcome.found);
}

TEST(AdaptivePoll, SeldomRequestsCauseNoWakeUps) {
  AdaptivePoll poll(kPollTime);
  const Outcome outcome = run(poll, periodic(1000, 10'000, 5'000), 10);
  EXPECT_EQ(outcome.looking, 0U);
  EXPECT_EQ(outcome.wakes, 0U);
}

}  // namespace
}  // namespace stratos::runtime
