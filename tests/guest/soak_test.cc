// SPDX-License-Identifier: Apache-2.0
// Minutes of what restart_test does in seconds; STRATOS_SOAK_SECONDS sets how long per kernel.

#include "can_bench.h"
#include "rpmb_bench.h"
#include "soak_time.h"
#include "survival.h"

namespace stratos::guest {
namespace {

using SoakTest = CanBench;
using RpmbSoakTest = RpmbBench;

constexpr std::chrono::seconds kUsual{600};

TEST_P(SoakTest, TrafficSurvivesEveryCrashOfTheHelper) {
  start_bench(2);
  allow_long_absence(a());
  const Deadline end = in(soak_time(kUsual));
  do {
    expect_numbered_frames_survive_crashes(20000, 5);
  } while (!HasFailure() && Clock::now() < end);
}

// Writes with kills of the helper, and beside them many that read.
TEST_P(RpmbSoakTest, MixedLoadSurvivesEveryCrashOfTheHelper) {
  start_with_key(rpmb_key("secret"));
  a().write("/tmp/reader", R"(
while [ ! -e /tmp/stop ]; do
  mmc rpmb read-block /dev/vrpmb0 500 32 - /tmp/key >/dev/null || exit 1
  mmc rpmb read-counter /dev/vrpmb0 >/dev/null || exit 1
done
)");
  Job reader = a().start("sh /tmp/reader");
  Job other_reader = a().start("sh /tmp/reader");
  const Deadline end = in(soak_time(kUsual));
  do {
    expect_writes_survive_kills(200, 5);
  } while (!HasFailure() && Clock::now() < end);
  a().must("touch /tmp/stop");
  for (Job* job : {&reader, &other_reader}) {
    const Output read = job->wait(std::chrono::seconds(60));
    EXPECT_EQ(read.status, 0) << read.text;
  }
  helper().stop();
  EXPECT_TRUE(store().verify());
}

STRATOS_ON_EACH_KERNEL(SoakTest);
STRATOS_ON_EACH_KERNEL(RpmbSoakTest);

}  // namespace
}  // namespace stratos::guest
