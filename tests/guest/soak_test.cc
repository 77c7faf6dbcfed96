// SPDX-License-Identifier: Apache-2.0
// Minutes of what restart_test does in seconds; STRATOS_SOAK_SECONDS sets how long per kernel.

#include <cstdlib>

#include "can_bench.h"

namespace stratos::guest {
namespace {

using SoakTest = CanBench;

std::chrono::seconds soak_time() {
  const char* const seconds = std::getenv("STRATOS_SOAK_SECONDS");
  return std::chrono::seconds(seconds ? std::atol(seconds) : 600);
}

TEST_P(SoakTest, TrafficSurvivesEveryCrashOfTheHelper) {
  start_bench(2);
  const Deadline end = in(soak_time());
  do {
    expect_numbered_frames_survive_crashes(20000, 5);
  } while (!HasFailure() && Clock::now() < end);
}

STRATOS_ON_EACH_KERNEL(SoakTest);

}  // namespace
}  // namespace stratos::guest
