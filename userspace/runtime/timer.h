// SPDX-License-Identifier: Apache-2.0
// One-shot and periodic timers.

#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "runtime/loop.h"

namespace stratos::runtime {

class Timer {
 public:
  // The callback may start, stop or destroy the timer.
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once, `delay` from now. Replaces what was started before.
  void start_once(std::chrono::nanoseconds delay);
  // Fires every `interval`, first one interval from now. Periods that went by
  // unseen (a loop that was held up) are skipped, the beat is kept.
  void start_periodic(std::chrono::nanoseconds interval);
  void stop();
  bool running() const;

 private:
  struct State;
  Loop& loop_;
  std::unique_ptr<State> state_;
};

}  // namespace stratos::runtime
