// SPDX-License-Identifier: Apache-2.0
// A helper on the loopback bus that dies and comes back: whoever keeps its descriptors keeps
// the link, and the guest sees a pause.

#include <gmock/gmock.h>

#include "loopback_bench.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using LoopbackRestartTest = LoopbackBench;

TEST_P(LoopbackRestartTest, NothingIsLostWhenTheHelperIsKilledFiveTimesUnderLoad) {
  start_bench(2, {.kills = 5, .within_ms = 3000});
  expect_loads_survive_kills();
  EXPECT_THAT(helper().log(), HasSubstr("kept a\n"));
  EXPECT_THAT(a().must("dmesg").text, Not(HasSubstr("peer restarted")));
}

TEST_P(LoopbackRestartTest, LongNothingIsLostInFiveHundredKills) {
  start_bench(2, {.kills = 500, .within_ms = 1000});
  expect_loads_survive_kills();
  EXPECT_THAT(a().must("dmesg").text, Not(HasSubstr("peer restarted")));
  EXPECT_EQ(helper().stop(), 0);
  EXPECT_TRUE(store().verify());
}

STRATOS_ON_EACH_KERNEL(LoopbackRestartTest);

}  // namespace
}  // namespace stratos::guest
