// SPDX-License-Identifier: Apache-2.0

#include "one_link.h"

#include <fmt/core.h>

#include <memory>
#include <stdexcept>

#include "hub_door.h"
#include "load_driver.h"
#include "rows.h"
#include "tables.h"
#include "vhost_user_door.h"

namespace stratos::bench {
namespace {

const DeviceLoad& known_load(uint32_t device_id) {
  if (const DeviceLoad* load = load_of(device_id)) return *load;
  std::string known;
  for (const DeviceLoad& load : known_loads())
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", load.device_id, load.name);
  throw std::runtime_error(fmt::format(
      "no request of device id {} is known; --device-id is one of {}", device_id, known));
}

std::unique_ptr<Door> open_door(const OneLink& link, const DeviceLoad& load) {
  if (link.type == "shm") {
    return std::make_unique<HubDoor>(
        link.socket, HubDoor::Options{.packed = link.packed, .queue_size = load.queue_size});
  }
  return std::make_unique<VhostUserDoor>(
      link.socket,
      VhostUserDoor::Options{
          .packed = link.packed, .queues = load.queues, .queue_size = load.queue_size});
}

}  // namespace

void measure_one_link(Report& report, const OneLink& link) {
  measure_floors(report);
  const DeviceLoad& load = known_load(link.device_id);
  const auto door = open_door(link, load);
  LoadDriver driver(*door, load);
  const std::string name = fmt::format("{} over {}", load.name, link.type);
  add_latencies(report, name + ", one at a time", driver.round_trips(link.requests, true),
                kSleepingFloor, {});
  for (const unsigned depth : {32U, 256U}) {
    if (depth > load.max_depth()) continue;
    const size_t count = link.requests * 10;
    const uint64_t elapsed = driver.pipelined(count, depth, true);
    report.add(fmt::format("{}, depth {}", name, depth), request_rate(count, elapsed), "M/s");
  }
}

}  // namespace stratos::bench
