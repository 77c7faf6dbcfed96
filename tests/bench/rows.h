// SPDX-License-Identifier: Apache-2.0
// The rows that every table has.

#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "latencies.h"
#include "load_driver.h"
#include "report.h"

namespace stratos::bench {

inline constexpr const char* kSleepingFloor = "floor: eventfd ping-pong";
inline constexpr const char* kPollingFloor = "floor: cache-line ping-pong";

constexpr Target at_most(double bound) { return {Target::Kind::kAtMost, bound}; }
constexpr Target at_least(double bound) { return {Target::Kind::kAtLeast, bound}; }

// Quantiles of `latencies`; the median as a ratio to that of `reference`, if there is one.
void add_latencies(Report& report, const std::string& name, Latencies latencies,
                   const std::string& reference, std::optional<Target> target);
// Millions of requests a second.
double request_rate(size_t count, uint64_t nanoseconds);

}  // namespace stratos::bench
