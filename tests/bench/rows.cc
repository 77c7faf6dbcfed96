// SPDX-License-Identifier: Apache-2.0

#include "rows.h"

namespace stratos::bench {

void add_latencies(Report& report, const std::string& name, Latencies latencies,
                   const std::string& reference, std::optional<Target> target) {
  if (reference.empty()) {
    report.add(name + " p50", latencies.quantile_us(0.5), "us");
  } else {
    report.add_ratio(name + " p50", latencies.quantile_us(0.5), "us", reference + " p50", target);
  }
  report.add(name + " p99", latencies.quantile_us(0.99), "us");
  report.add(name + " p99.9", latencies.quantile_us(0.999), "us");
  report.add(name + " above 10 x p50", static_cast<double>(latencies.outliers()), "samples");
}

double request_rate(size_t count, uint64_t nanoseconds) {
  return static_cast<double>(count) * 1000.0 / static_cast<double>(nanoseconds);
}

}  // namespace stratos::bench
