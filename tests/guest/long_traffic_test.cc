// SPDX-License-Identifier: Apache-2.0
// What can_test, restart_test and stub_vm_test show with few frames, shown with many.

#include "can_bench.h"
#include "stub_bench.h"
#include "survival.h"

namespace stratos::guest {
namespace {

using LongTrafficTest = CanBench;
using LongStubVmTest = StubBench;

TEST_P(LongTrafficTest, MillionFramesCrossOnceAndInOrder) {
  start_bench(2);
  expect_numbered_frames_pass(1'000'000);
}

TEST_P(LongTrafficTest, FramesSurviveFiftyKillsOfTheHelper) {
  start_bench(2);
  allow_long_absence(a());
  for (int round = 0; round < 10 && !HasFailure(); ++round)
    expect_numbered_frames_survive_crashes(20'000, 5);
}

TEST_P(LongStubVmTest, EveryFloodWaitsForTheGuest) {
  start_bench();
  for (int flood = 0; flood < 20 && !HasFailure(); ++flood) expect_flood_arrives(5000);
}

TEST_P(LongStubVmTest, FullDuplexIsWholeAndInOrder) {
  start_bench();
  expect_full_duplex(200'000);
}

STRATOS_ON_EACH_KERNEL(LongTrafficTest);
STRATOS_ON_EACH_KERNEL(LongStubVmTest);

}  // namespace
}  // namespace stratos::guest
