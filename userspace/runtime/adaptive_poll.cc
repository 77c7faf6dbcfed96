// SPDX-License-Identifier: Apache-2.0
#include "runtime/adaptive_poll.h"

#include <algorithm>

namespace stratos::runtime {
namespace {

// One gap says nothing yet about the next one.
constexpr uint32_t kEnoughGaps = 2;

uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

// Moves `average` one part in `share` of the way to `sample`.
void approach(uint64_t& average, uint64_t sample, uint64_t share) {
  if (sample >= average) {
    average += (sample - average) / share;
  } else {
    average -= (average - sample) / share;
  }
}

}  // namespace

AdaptivePoll::AdaptivePoll(uint64_t poll_time)
    : poll_time_(poll_time), allowance_(kAllowance * poll_time) {}

void AdaptivePoll::learn(uint64_t gap) {
  if (gap > kReach * poll_time_) {
    gaps_ = 0;  // whatever was, it is over
    return;
  }
  if (gaps_ == 0) {
    gap_ = gap;
    deviation_ = gap / 2;
  } else {
    // One pause is no new pace.
    gap = std::min(gap, 2 * gap_ + poll_time_);
    approach(deviation_, distance(gap, gap_), 4);
    approach(gap_, gap, 8);
  }
  gaps_ = std::min(gaps_ + 1, kEnoughGaps);
}

void AdaptivePoll::on_request(uint64_t now) {
  if (poll_time_ == 0 || now == last_request_) return;
  end_sleep(now);
  learn(now - last_request_);
  last_request_ = now;
  phase_ = gaps_ == kEnoughGaps ? Phase::kWaiting : Phase::kIdle;
}

// The end of a sleep is late by what the timer and the scheduler take.
void AdaptivePoll::end_sleep(uint64_t now) {
  if (now >= wake_at_) approach(late_, std::min(now - wake_at_, poll_time_), 8);
  wake_at_ = kNever;
}

AdaptivePoll::Advice AdaptivePoll::give_up() {
  phase_ = Phase::kIdle;
  return {};
}

// Whether there is allowance for a look in vain.
bool AdaptivePoll::can_afford_look(uint64_t now) {
  allowance_ = std::min(kAllowance * poll_time_, allowance_ + (now - earned_at_) / kVainShare);
  earned_at_ = now;
  return allowance_ >= poll_time_;
}

AdaptivePoll::Advice AdaptivePoll::look(uint64_t now) {
  if (now < look_end_) return {.look = true};
  allowance_ -= std::min(allowance_, now - look_begin_);
  return give_up();
}

AdaptivePoll::Advice AdaptivePoll::on_idle(uint64_t now) {
  if (phase_ == Phase::kIdle) return {};
  end_sleep(now);
  if (phase_ == Phase::kLooking) return look(now);
  const uint64_t due = last_request_ + gap_;
  if (now >= due + poll_time_ || !can_afford_look(now)) return give_up();
  // Early enough for most requests, and for half of the look at most.
  const uint64_t lead = std::min(poll_time_ / 8 + 2 * deviation_, poll_time_ / 2);
  const bool within_reach = due + lead <= now + poll_time_;
  if (!within_reach && due > now + lead + late_) {
    wake_at_ = due - lead - late_;
    return {.look = false, .wake_at = wake_at_};
  }
  phase_ = Phase::kLooking;
  look_begin_ = now;
  look_end_ = now + poll_time_;
  return {.look = true};
}

}  // namespace stratos::runtime
