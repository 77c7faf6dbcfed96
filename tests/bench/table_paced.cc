// SPDX-License-Identifier: Apache-2.0
// A load that leaves the helper idle most of the time: what looking for the next request gains
// over sleeping, and what it costs. The driver looks for its replies all the time, so that the only
// wake-up in a round trip is the helper's.

#include <fmt/core.h>

#include <chrono>
#include <thread>

#include "helper_process.h"
#include "hub_door.h"
#include "hub_process.h"
#include "machine.h"
#include "program.h"
#include "responder.h"
#include "rows.h"
#include "tables.h"
#include "vhost_user_door.h"

namespace stratos::bench {
namespace {
using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kPeriodNs = 100'000;
constexpr size_t kRequests = 20'000;
// stratosd's own poll_time_us.
constexpr microseconds kPollTime{50};
// One look for each request, and none is longer.
constexpr double kStatedPercent = 100.0 * 50'000 / kPeriodNs;

struct Paced {
  Latencies latencies{0};
  double cpu = 0;       // percent of the time that the load takes if nobody steals a CPU
  double idle_cpu = 0;  // percent, behind the load
};

double percent(uint64_t part, uint64_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

Paced measure(Door& door, const HelperProcess& helper) {
  LoadDriver driver(door, *load_of(kResponderId));
  Paced paced;
  driver.paced(kRequests / 10, kPeriodNs);  // warm up
  const uint64_t before = helper.figures().cpu_ns;
  paced.latencies = driver.paced(kRequests, kPeriodNs);
  paced.cpu = percent(helper.figures().cpu_ns - before, kRequests * kPeriodNs);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the end of the load
  const uint64_t idle_from = now_ns();
  const uint64_t idle_before = helper.figures().cpu_ns;
  std::this_thread::sleep_for(std::chrono::seconds(1));
  paced.idle_cpu = percent(helper.figures().cpu_ns - idle_before, now_ns() - idle_from);
  return paced;
}

void add_rows(Report& report, const std::string& link, Paced sleeping, Paced polling) {
  const std::string asleep = link + ", 10 k/s, sleeping: ";
  const std::string polls = fmt::format("{}, 10 k/s, polling {} us: ", link, kPollTime.count());
  report.add(asleep + "p50", sleeping.latencies.quantile_us(0.5), "us");
  report.add(asleep + "p99", sleeping.latencies.quantile_us(0.99), "us");
  report.add(asleep + "helper CPU", sleeping.cpu, "%");
  report.add(asleep + "CPU when idle again", sleeping.idle_cpu, "%");
  report.add_ratio(polls + "p50", polling.latencies.quantile_us(0.5), "us", asleep + "p50",
                   at_most(0.5));
  report.add_ratio(polls + "p99", polling.latencies.quantile_us(0.99), "us", asleep + "p99");
  report.add(polls + "helper CPU", polling.cpu, "%");
  report.add(polls + "CPU above sleeping", polling.cpu - sleeping.cpu, "%",
             at_most(kStatedPercent));
  report.add(polls + "CPU when idle again", polling.idle_cpu, "%", at_most(0.1));
}

Paced through_hub(const HubProcess& hub, nanoseconds poll_time) {
  const auto helper = HelperProcess::behind_hub(hub.device_socket(), poll_time);
  HubDoor door(hub.driver_socket(), {.queue_size = kQueueSize});
  return measure(door, *helper);
}

Paced through_vhost_user(const std::string& socket, nanoseconds poll_time) {
  const auto helper = HelperProcess::for_front_end(socket, poll_time, false);
  Program::wait_for_path(socket);
  VhostUserDoor door(socket, {.queue_size = kQueueSize});
  return measure(door, *helper);
}

}  // namespace

void measure_paced(Report& report, const std::string& scratch) {
  {
    const HubProcess hub(scratch, "paced");
    Paced sleeping = through_hub(hub, nanoseconds(0));
    add_rows(report, "hub", std::move(sleeping), through_hub(hub, kPollTime));
  }
  Paced sleeping = through_vhost_user(scratch + "/paced-sleeping", nanoseconds(0));
  add_rows(report, "vhost-user", std::move(sleeping),
           through_vhost_user(scratch + "/paced-polling", kPollTime));
}

}  // namespace stratos::bench
