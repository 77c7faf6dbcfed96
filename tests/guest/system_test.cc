// SPDX-License-Identifier: Apache-2.0
// Everything at once: two guests, every device, kills and hot plug, for a long time.
// STRATOS_SOAK_SECONDS sets for how long, 300 for each kernel if it does not.

#include <fmt/format.h>

#include <iostream>

#include "soak_time.h"
#include "system_bench.h"

namespace stratos::guest {
namespace {

// As many as a listener's socket takes if it gets no time to run.
constexpr uint64_t kFrames = 20'000;

class SystemTest : public SystemBench {
 protected:
  // A round of the soak: kills under load, hot plug, then a helper that is left alone, whose own
  // memory does not grow. What the others had then is returned.
  Footprint soak_round();
};

SystemTest::Footprint SystemTest::soak_round() {
  constexpr long kHelperNoiseKib = 128;
  expect_loads_survive_kills(kFrames, 5);
  plug_and_unplug();
  expect_loads_survive_kills(kFrames, 0);
  const Footprint warm = footprint();
  expect_loads_survive_kills(kFrames, 0);
  const Footprint now = footprint();
  EXPECT_LT(now.helper - warm.helper, kHelperNoiseKib) << "KiB, in " << kFrames << " frames";
  return now;
}

TEST_P(SystemTest, ASoakLosesNeitherRequestsNorMemory) {
  constexpr long kHubNoiseKib = 64;
  constexpr long kKernelNoiseKib = 1024;
  start_bench();
  const Deadline end = in(soak_time(std::chrono::seconds(300)));
  const Footprint first = soak_round();
  Footprint last = first;
  int rounds = 1;
  for (; !HasFailure() && Clock::now() < end; ++rounds) last = soak_round();
  EXPECT_LT(last.hub - first.hub, kHubNoiseKib);
  EXPECT_LT(last.kernel_a - first.kernel_a, kKernelNoiseKib);
  EXPECT_LT(last.kernel_b - first.kernel_b, kKernelNoiseKib);
  stop_helper();
  std::cout << fmt::format(
      "{} rounds; KiB of the first and the last: hub {} {}, helper {} {}, kernel a {} {}, "
      "kernel b {} {}\n",
      rounds, first.hub, last.hub, first.helper, last.helper, first.kernel_a, last.kernel_a,
      first.kernel_b, last.kernel_b);
}

TEST_P(SystemTest, NothingIsLostInFiveHundredKills) {
  start_bench();
  for (int round = 0; round < 20 && !HasFailure(); ++round) expect_loads_survive_kills(kFrames, 25);
  stop_helper();
}

STRATOS_ON_EACH_KERNEL(SystemTest);

}  // namespace
}  // namespace stratos::guest
