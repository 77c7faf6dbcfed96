// SPDX-License-Identifier: Apache-2.0

#include "floors.h"
#include "rows.h"
#include "tables.h"

namespace stratos::bench {

void measure_floors(Report& report) {
  add_latencies(report, kSleepingFloor, eventfd_ping_pong(10'000), "", {});
  add_latencies(report, kPollingFloor, cache_line_ping_pong(100'000), "", {});
}

}  // namespace stratos::bench
