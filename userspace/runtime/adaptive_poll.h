// SPDX-License-Identifier: Apache-2.0
// Learns when the next request is due, and says whether to look for it or to sleep.
//
// Looking spares the wake-up, which is most of a round trip, and burns CPU time until the
// request comes. So a look begins shortly before the request is due. What it costs at
// most, whoever sends the requests:
// - one look, so at most `poll_time`, for each request;
// - for looks in vain, one part in kVainShare of the time, and kAllowance looks ahead;
// - nothing where requests are further apart than kReach times `poll_time`.
//
// Times are nanoseconds of one clock that never goes back; nothing here reads it.

#pragma once

#include <cstdint>

namespace stratos::runtime {

class AdaptivePoll {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  static constexpr uint64_t kReach = 16;
  static constexpr uint64_t kVainShare = 10;
  static constexpr uint64_t kAllowance = 8;

  struct Advice {
    bool look = false;          // now, and ask again
    uint64_t wake_at = kNever;  // else: sleep, and no longer than this
    bool operator==(const Advice&) const = default;
  };

  // 0: never looks.
  explicit AdaptivePoll(uint64_t poll_time);

  // A request came; what comes at the same time is one.
  void on_request(uint64_t now);
  // There is nothing to do.
  Advice on_idle(uint64_t now);

 private:
  void learn(uint64_t gap);
  void end_sleep(uint64_t now);
  bool can_afford_look(uint64_t now);
  Advice look(uint64_t now);
  Advice give_up();

  // Waiting: a look is planned for the next request. Idle: none is until one came.
  enum class Phase : uint8_t { kIdle, kWaiting, kLooking };

  uint64_t poll_time_;
  Phase phase_ = Phase::kIdle;
  uint64_t last_request_ = 0;
  uint32_t gaps_ = 0;       // that were learnt, until there are enough
  uint64_t gap_ = 0;        // between requests, on average
  uint64_t deviation_ = 0;  // of it, on average
  uint64_t late_ = 0;       // by which sleeps with an end are over, on average
  uint64_t wake_at_ = kNever;
  uint64_t look_begin_ = 0;
  uint64_t look_end_ = 0;
  uint64_t allowance_;  // for looks in vain
  uint64_t earned_at_ = 0;
};

}  // namespace stratos::runtime
