// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "rows.h"
#include "tables.h"
#include "testpmd_pair.h"

namespace stratos::bench {

bool measure_testpmd(Report& report) {
  for (const unsigned packets : {1U, 32U}) {
    const auto rate = testpmd_packets_per_second(packets);
    if (!rate) {
      report.skip("dpdk-testpmd: " + rate.error());
      return false;
    }
    report.add(fmt::format("dpdk-testpmd vhost pair, {} in flight", packets), *rate / 1e6, "M/s");
  }
  for (const std::string ring : {"split", "packed"})
    report.add_ratio(ring + ", polling, against dpdk-testpmd",
                     report.value(ring + ", polling: round trips"), "M/s",
                     "dpdk-testpmd vhost pair, 1 in flight");
  return true;
}

}  // namespace stratos::bench
