// SPDX-License-Identifier: Apache-2.0
#include "runtime/timer.h"

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "runtime/ring_failure.h"

namespace stratos::runtime {
namespace {

constexpr uint64_t kNever = UINT64_MAX;

}  // namespace

// At most one request is with the kernel. Where the wanted deadline is later than
// the one the kernel has, the request fires early and is armed again; only an
// earlier deadline needs a cancellation.
struct Timer::State final : OwnedOperation {
  State(Loop& owning_loop, std::function<void()> timer_callback)
      : loop(owning_loop), callback(std::move(timer_callback)) {}

  void start(std::chrono::nanoseconds delay, uint64_t new_period) {
    deadline = loop.now() + static_cast<uint64_t>(std::max<int64_t>(delay.count(), 0));
    period = new_period;
    if (!pending()) {
      arm();
    } else if (deadline < armed) {
      loop.cancel(*this);
    }
  }

  void arm() {
    armed = deadline;
    time.tv_sec = static_cast<decltype(time.tv_sec)>(deadline / 1'000'000'000U);
    time.tv_nsec = static_cast<decltype(time.tv_nsec)>(deadline % 1'000'000'000U);
    io_uring_prep_timeout(loop.prepare(*this), &time, 0, IORING_TIMEOUT_ABS);
  }

  void on_complete(int32_t result, uint32_t /*flags*/) override {
    if (result != -ETIME && result != -ECANCELED) {
      deadline = kNever;  // arming it again would go on for ever
      return log_ring_failure("set a timer", result);
    }
    if (deadline == kNever) return;
    const uint64_t now = loop.now();
    if (now < deadline) return arm();
    if (period == 0) {
      deadline = kNever;
    } else {
      deadline += period * ((now - deadline) / period + 1);
      arm();
    }
    callback();
  }

  Loop& loop;
  std::function<void()> callback;
  uint64_t deadline = kNever;  // what the owner wants
  uint64_t period = 0;
  uint64_t armed = 0;  // what the kernel has
  __kernel_timespec time{};
};

Timer::Timer(Loop& loop, std::function<void()> callback)
    : loop_(loop), state_(std::make_unique<State>(loop, std::move(callback))) {}

Timer::~Timer() { loop_.retire(std::move(state_)); }

void Timer::start_once(std::chrono::nanoseconds delay) { state_->start(delay, 0); }

void Timer::start_periodic(std::chrono::nanoseconds interval) {
  state_->start(interval, static_cast<uint64_t>(std::max<int64_t>(interval.count(), 1)));
}

void Timer::stop() {
  state_->deadline = kNever;
  loop_.cancel(*state_);
}

bool Timer::running() const { return state_->deadline != kNever; }

}  // namespace stratos::runtime
