// SPDX-License-Identifier: Apache-2.0
// A loop for a test, and turns until something holds.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>

#include "runtime/loop.h"
#include "runtime/timer.h"

namespace stratos::runtime {

inline std::unique_ptr<Loop> make_loop(const Loop::Options& options = {}) {
  auto loop = Loop::create(options);
  EXPECT_TRUE(loop.has_value()) << loop.error();
  return loop ? std::move(*loop) : nullptr;
}

// Turns until `condition` holds; false if it does not within `limit`.
inline bool turn_until(Loop& loop, const std::function<bool()>& condition,
                       std::chrono::milliseconds limit = std::chrono::seconds(5)) {
  bool late = false;
  Timer deadline(loop, [&late] { late = true; });
  deadline.start_once(limit);
  bool holds = condition();
  while (!holds && !late) {
    loop.turn(true);
    holds = condition();
  }
  return holds;
}

}  // namespace stratos::runtime
