// SPDX-License-Identifier: Apache-2.0
// A set of latency samples and what is said of it. The maximum is never said: on
// a shared machine it measures the neighbours.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace stratos::bench {

class Latencies {
 public:
  explicit Latencies(size_t expected) { samples_.reserve(expected); }

  void add(uint64_t nanoseconds) { samples_.push_back(nanoseconds); }

  // The q-quantile in microseconds, 0 < q < 1.
  double quantile_us(double q) {
    if (samples_.empty()) return 0;
    const auto at =
        samples_.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(samples_.size() - 1));
    std::nth_element(samples_.begin(), at, samples_.end());
    return static_cast<double>(*at) / 1000.0;
  }

  // How many samples are above ten times the median.
  size_t outliers() {
    const double bound = 10'000.0 * quantile_us(0.5);
    return static_cast<size_t>(std::count_if(samples_.begin(), samples_.end(), [&](uint64_t s) {
      return static_cast<double>(s) > bound;
    }));
  }

 private:
  std::vector<uint64_t> samples_;
};

}  // namespace stratos::bench
