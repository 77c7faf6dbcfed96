// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "helper_process.h"
#include "hub_door.h"
#include "program.h"
#include "responder.h"
#include "rows.h"
#include "tables.h"

namespace stratos::bench {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

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

void measure_sleeping(Report& report, const std::string& ring, LoadDriver& driver,
                      const HelperProcess& helper) {
  add_latencies(report, ring + ", sleeping: round trip", driver.round_trips(10'000, true),
                kSleepingFloor, at_most(1.3));
  measure_depth(report, ring, driver, helper, 1, 10'000);
  measure_depth(report, ring, driver, helper, 32, 500'000);
  measure_depth(report, ring, driver, helper, 256, 2'000'000);
}

void measure_polling(Report& report, const std::string& ring, LoadDriver& driver) {
  constexpr size_t kCount = 200'000;
  add_latencies(report, ring + ", polling: round trip", driver.round_trips(kCount, false),
                kPollingFloor, at_most(4));
  const uint64_t elapsed = driver.pipelined(kCount, 1, false);
  report.add(ring + ", polling: round trips", request_rate(kCount, elapsed), "M/s");
}

}  // namespace

void measure_hub_link(Report& report, const std::string& scratch) {
  const std::string device_socket = scratch + "/device";
  const std::string driver_socket = scratch + "/driver";
  const Program hub({STRATOS_HUB, "--link",
                     fmt::format("name=bench,size=4M,driver-socket={},device-socket={}",
                                 driver_socket, device_socket)});
  Program::wait_for_path(device_socket);
  const DeviceLoad& load = *load_of(kResponderId);
  for (const bool packed : {false, true}) {
    const std::string ring = packed ? "packed" : "split";
    {
      const HelperProcess helper(device_socket, nanoseconds(0));
      HubDoor door(driver_socket, {.packed = packed, .queue_size = load.queue_size});
      LoadDriver driver(door, load);
      measure_sleeping(report, ring, driver, helper);
    }
    {
      const HelperProcess helper(device_socket, seconds(10));
      HubDoor door(driver_socket, {.packed = packed, .queue_size = load.queue_size});
      LoadDriver driver(door, load);
      measure_polling(report, ring, driver);
    }
  }
}

}  // namespace stratos::bench
