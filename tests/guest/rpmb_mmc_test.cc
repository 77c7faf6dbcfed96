// SPDX-License-Identifier: Apache-2.0
// A guest whose RPMB device is passed through to a partition in a stub VM. No machine here has an
// eMMC, so virtio_rpmb stands in for it: it takes the same ioctl.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "rpmb_bench.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;

using RpmbMmcTest = RpmbBench;

TEST_P(RpmbMmcTest, StockToolsReachTheChip) {
  start_behind_chip();
  expect_stock_tools_work();
  EXPECT_EQ(stub().helper().stop(), 0) << stub().helper().log();
  helper().stop();
  EXPECT_TRUE(store().verify());
}

TEST_P(RpmbMmcTest, WritesSurviveEveryKillOfTheRelayOnceEach) {
  start_behind_chip();
  a().write("/tmp/key", rpmb_key("secret"));
  a().must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  expect_writes_survive(40, 5, [this] { stub().helper().crash(); });
  EXPECT_THAT(counter(), HasSubstr(fmt::format("0x{:08x}", 40))) << "each counts once";
}

STRATOS_ON_EACH_KERNEL(RpmbMmcTest);

}  // namespace
}  // namespace stratos::guest
