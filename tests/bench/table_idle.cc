// SPDX-License-Identifier: Apache-2.0

#include "idle_helper.h"
#include "rows.h"
#include "tables.h"

namespace stratos::bench {

void measure_idle(Report& report, const std::string& scratch) {
  const IdleFigures idle = watch_idle_helper(scratch);
  report.add("idle stratosd: CPU", idle.cpu_percent, "%", at_most(0.1));
  report.add("idle stratosd: RSS besides the region", idle.rss_mib, "MiB", at_most(8));
}

}  // namespace stratos::bench
