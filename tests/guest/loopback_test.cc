// SPDX-License-Identifier: Apache-2.0
// Devices that a guest's own helper serves: no second machine, no hypervisor.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/can.h"
#include "loopback_bench.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

using LoopbackTest = LoopbackBench;

TEST_P(LoopbackTest, StockToolsUseWhatAHelperOfTheSameKernelServes) {
  start_bench();
  EXPECT_THAT(pass_samples(a(), "can0", a(), "can1"), ElementsAreArray(samples_seen()));
  EXPECT_THAT(pass_samples(a(), "can1", a(), "can0"), ElementsAreArray(samples_seen()));

  a().write("/tmp/block", rpmb_block("hello"));
  a().must("mmc rpmb write-block /dev/vrpmb0 7 /tmp/block /tmp/key");
  a().must("mmc rpmb read-block /dev/vrpmb0 7 1 /tmp/read /tmp/key && cmp /tmp/read /tmp/block");
  EXPECT_THAT(a().must("mmc rpmb read-counter /dev/vrpmb0").text, HasSubstr("0x00000001"));

  EXPECT_EQ(helper().stop(), 0);
  wait_for_no_devices();
  EXPECT_TRUE(store().verify());
}

STRATOS_ON_EACH_KERNEL(LoopbackTest);

}  // namespace
}  // namespace stratos::guest
