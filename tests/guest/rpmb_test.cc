// SPDX-License-Identifier: Apache-2.0
// RPMB from stock tools in a guest to a store on this machine.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "rpmb_bench.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;

constexpr const char* kCounterFailure = "3\n";

using RpmbTest = RpmbBench;

TEST_P(RpmbTest, StockToolsProgramAKeyWriteAndReadBack) {
  start(store().device(0));
  expect_stock_tools_work();
  helper().stop();
  EXPECT_TRUE(store().verify());
}

TEST_P(RpmbTest, AFrameThatIsReplayedIsRefused) {
  const std::string key = rpmb_key("secret");
  start_with_key(key);
  a().write("/tmp/frame", rpmb_write_frame(key, rpmb_block("old"), 0, 0));
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 write /tmp/frame").text, "ok 0\n");
  write_block(0, rpmb_block("new"));
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 write /tmp/frame").text,
            std::string("ok ") + kCounterFailure);
  expect_block(0, rpmb_block("new"));
}

TEST_P(RpmbTest, TheDeviceConfigurationNeedsTheKeyAndTheSwitch) {
  constexpr uint16_t kSecureWpModeEnable = 1;
  const std::string key = rpmb_key("secret");
  std::string registers(VIRTIO_RPMB_BLOCK_SIZE, '\0');
  registers[VIRTIO_RPMB_BLOCK_SIZE - kSecureWpModeEnable] = 1;
  const RpmbStore other(scratch_, "other");
  start(store().device(0) + "device_configuration = true\n" + other.device(1));
  a().wait_for_path("/dev/vrpmb1");
  a().write("/tmp/key", key);
  a().must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  a().write("/tmp/frame", rpmb_write_frame(rpmb_key("guess"), registers, kSecureWpModeEnable, 0,
                                           VIRTIO_RPMB_REQ_CONFIG_WRITE));
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 write /tmp/frame").text, "ok 2\n");
  a().write("/tmp/frame",
            rpmb_write_frame(key, registers, kSecureWpModeEnable, 0, VIRTIO_RPMB_REQ_CONFIG_WRITE));
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 write /tmp/frame").text, "ok 0\n");
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 configuration").text, "ok 0 enable=1 config=0\n");
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb1 configuration").text, "EIO 0 enable=0 config=0\n")
      << "off unless it is switched on";
}

TEST_P(RpmbTest, WritesSurviveEveryKillOfTheHelperOnceEach) {
  start_with_key(rpmb_key("secret"));
  expect_writes_survive_kills(40, 5);
  EXPECT_THAT(counter(), HasSubstr(fmt::format("0x{:08x}", 40))) << "each counts once";
  helper().stop();
  EXPECT_TRUE(store().verify());
}

TEST_P(RpmbTest, DevicesDoNotShareAnything) {
  const RpmbStore other(scratch_, "other");
  start(store().device(0) + other.device(1));
  a().wait_for_path("/dev/vrpmb1");
  a().write("/tmp/key", rpmb_key("secret"));
  a().must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  EXPECT_THAT(a().run("mmc rpmb read-counter /dev/vrpmb1").text, HasSubstr("0x0007"));
  a().must("mmc rpmb write-key /dev/vrpmb1 /tmp/key");
  write_block(3, rpmb_block("one"), "vrpmb0");
  expect_block(3, std::string(256, '\0'), "vrpmb1");
}

STRATOS_ON_EACH_KERNEL(RpmbTest);

}  // namespace
}  // namespace stratos::guest
