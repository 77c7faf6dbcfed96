// SPDX-License-Identifier: Apache-2.0
// Every wait of the harness ends at a Deadline.

#pragma once

#include <algorithm>
#include <chrono>

namespace stratos::guest {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using Timeout = std::chrono::milliseconds;

inline Deadline in(Timeout timeout) { return Clock::now() + timeout; }

// What is left, as poll(2) takes it: never negative, rounded up so that 0 means "over".
inline int poll_timeout(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000));
}

}  // namespace stratos::guest
