// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "responder_rows.h"
#include "tables.h"
#include "testpmd_pair.h"

namespace stratos::bench {

bool measure_testpmd(Report& report, const std::vector<std::string>& links) {
  for (const unsigned packets : {1U, 32U}) {
    const auto rate = testpmd_packets_per_second(packets);
    if (!rate) {
      report.skip("dpdk-testpmd: " + rate.error());
      return false;
    }
    report.add(fmt::format("dpdk-testpmd vhost pair, {} in flight", packets), *rate / 1e6, "M/s");
  }
  for (const std::string& link : links) {
    report.add_ratio(link + ", polling, against dpdk-testpmd", report.value(link + kPolledRate),
                     "M/s", "dpdk-testpmd vhost pair, 1 in flight", at_least(1));
  }
  const std::string split = kVhostUserSplit;
  report.add_ratio(split + ", polling, depth 32, against dpdk-testpmd",
                   report.value(split + kPolledRate32), "M/s",
                   "dpdk-testpmd vhost pair, 32 in flight", at_least(1));
  return true;
}

}  // namespace stratos::bench
