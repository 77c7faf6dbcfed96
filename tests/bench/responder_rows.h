// SPDX-License-Identifier: Apache-2.0
// The rows of a Responder in a process of ours, whatever door leads to it.

#pragma once

#include <string>

#include "helper_process.h"
#include "load_driver.h"
#include "report.h"
#include "rows.h"

namespace stratos::bench {

// A helper that sleeps when it is idle, and so does the driver; `round_trip` judges the median
// round trip as a ratio to the floor.
void measure_sleeping(Report& report, const std::string& name, LoadDriver& driver,
                      const HelperProcess& helper, Target round_trip);
// Both look for work all the time. Adds the rows `name` + kPolledRate and, for 32 requests under
// way, `name` + kPolledRate32.
void measure_polling(Report& report, const std::string& name, LoadDriver& driver);
inline constexpr const char* kPolledRate = ", polling: round trips";
inline constexpr const char* kPolledRate32 = ", polling, depth 32: requests";

}  // namespace stratos::bench
