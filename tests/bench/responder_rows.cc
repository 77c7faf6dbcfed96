// SPDX-License-Identifier: Apache-2.0

#include "responder_rows.h"

#include <fmt/core.h>

namespace stratos::bench {
namespace {

void measure_depth(Report& report, const std::string& name, LoadDriver& driver,
                   const HelperProcess& helper, unsigned depth, size_t count) {
  driver.pipelined(count / 10, depth, true);  // warm up
  const HelperFigures before = helper.figures();
  const uint64_t rings_before = driver.rings();
  const uint64_t elapsed = driver.pipelined(count, depth, true);
  const HelperFigures after = helper.figures();
  const auto per_request = [count](uint64_t from, uint64_t to) {
    return static_cast<double>(to - from) / static_cast<double>(count);
  };
  const bool deepest = depth == 256;
  const auto target = [deepest](Target wanted) {
    return deepest ? std::optional(wanted) : std::nullopt;
  };
  const std::string prefix = fmt::format("{}, depth {}: ", name, depth);
  report.add(prefix + "requests", request_rate(count, elapsed), "M/s", target(at_least(2)));
  report.add(prefix + "helper CPU", per_request(before.cpu_ns, after.cpu_ns), "ns/req");
  report.add(prefix + "helper system calls", per_request(before.system_calls, after.system_calls),
             "/req", target(at_most(0.1)));
  report.add(prefix + "driver doorbells", per_request(rings_before, driver.rings()), "/req");
  report.add(prefix + "helper notifications",
             per_request(before.notifications, after.notifications), "/req");
  report.add(prefix + "helper allocations", per_request(before.allocations, after.allocations),
             "/req", at_most(0));
}

}  // namespace

void measure_sleeping(Report& report, const std::string& name, LoadDriver& driver,
                      const HelperProcess& helper, Target round_trip) {
  add_latencies(report, name + ", sleeping: round trip", driver.round_trips(10'000, true),
                kSleepingFloor, round_trip);
  measure_depth(report, name, driver, helper, 1, 10'000);
  measure_depth(report, name, driver, helper, 32, 500'000);
  measure_depth(report, name, driver, helper, 256, 2'000'000);
}

void measure_polling(Report& report, const std::string& name, LoadDriver& driver) {
  constexpr size_t kCount = 200'000;
  add_latencies(report, name + ", polling: round trip", driver.round_trips(kCount, false),
                kPollingFloor, at_most(4));
  report.add(name + kPolledRate, request_rate(kCount, driver.pipelined(kCount, 1, false)), "M/s");
  constexpr size_t kMany = 10 * kCount;
  report.add(name + kPolledRate32, request_rate(kMany, driver.pipelined(kMany, 32, false)), "M/s");
}

}  // namespace stratos::bench
