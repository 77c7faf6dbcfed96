// SPDX-License-Identifier: Apache-2.0
// Devices that a guest's own helper serves: no second machine, no hypervisor.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "can_link.h"
#include "harness/can.h"
#include "loopback_bench.h"
#include "survival.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

TEST_P(LoopbackTest, WhateverAProgramTriesOnTheFileHasItsAnswer) {
  boot_guest();
  EXPECT_EQ(a().must("loopback-abuse").text, R"(create nothing: EINVAL
create half a page: EINVAL
create a page and a bit: EINVAL
create with a flag: EINVAL
create with something reserved: EINVAL
create a terabyte: EFBIG
create all there is: EFBIG
create from nowhere: EFAULT
create: ok
create again: EEXIST
start before create: ENXIO
map before create: ENXIO
ring before create: ENXIO
start before layout: ENODEV
ring before start: ENXIO
start with another magic: ENODEV
info: EFAULT
unknown request: ENOTTY
start with a pool behind the end: EINVAL
start after that: ok
map less: EINVAL
map more: EINVAL
map from page 1: EINVAL
map privately: EINVAL
map: ok
map twice: ok
grow a mapping: EFAULT
read short: EINVAL
read what was not rung: EAGAIN
readable before start: no
start: ok
start again: EALREADY
readable after start: yes
read long: ok
ring with 4 bytes: EINVAL
ring with 16 bytes: EINVAL
ring with 0: EINVAL
ring from nowhere: EFAULT
ring: ok
info tells size and state: yes
)");
  EXPECT_THAT(a().must("dmesg").text, HasSubstr("virtio_msg_loopback loopback0: shared memory: "));
  EXPECT_EQ(a().must("ls /sys/class/virtio_msg_loopback").text, "");
  a().rmmod("virtio_msg_loopback");
}

// A helper that does not answer, but is there: like one that hangs.
TEST_P(LoopbackTest, AStoppedHelperHoldsNobodyUp) {
  constexpr auto kBound = std::chrono::seconds(30);
  start_bench(2);
  a().must("ip link set can1 down");
  helper().signal("STOP");
  EXPECT_NE(a().run("ip link set can1 up", kBound).status, 0);
  EXPECT_NE(a().run("mmc rpmb read-counter /dev/vrpmb0", kBound).status, 0);
  a().must("ip link set can0 down", kBound);
  EXPECT_NE(a().run("rmmod virtio_msg_loopback").status, 0) << "its file is open";
  a().must("rmmod virtio_can", kBound);
  a().must("rmmod virtio_rpmb", kBound);

  helper().signal("CONT");
  a().insmod("virtio_can");
  can_up(a(), "can0");
  can_up(a(), "can1");
  expect_frames_pass();
}

TEST_P(LoopbackTest, TheEndOfTheHelperUnderLoadIsTheEndOfTheDevices) {
  boot_guest(2);
  for (int round = 0; round < 6; ++round) {
    LocalHelper mine(a(), to_config({.devices = 2}));
    can_up(a(), "can0");
    can_up(a(), "can1");
    Job traffic = a().start("cangen -g 0 -p 100 can0");
    a().must(
        "until [ $(cat /sys/class/net/can1/statistics/rx_packets) -gt 200 ]; do "
        "usleep 10000; done");
    EXPECT_THAT(a().run("cat /proc/*/task/*/comm").text, Not(HasSubstr("iou-wrk")))
        << "a doorbell took a thread of io_uring's";
    if (round % 2 == 0) {
      mine.stop();
    } else {
      mine.vanish();
    }
    EXPECT_NE(traffic.wait().status, 0) << "its interface is gone";
    wait_for_no_devices();
  }
  EXPECT_EQ(a().must("ls /sys/class/virtio_msg_loopback").text, "");
  a().rmmod("virtio_msg_loopback");
}

TEST_P(LoopbackTest, DevicesComeAndGoWithTheConfiguration) {
  boot_guest();
  allow_long_absence(a());
  LocalHelper mine(a(), to_config({.devices = 1}));
  can_up(a(), "can0");

  mine.crash_into(to_config({.devices = 3}));
  can_up(a(), "can2");
  EXPECT_THAT(pass_samples(a(), "can0", a(), "can2"), ElementsAreArray(samples_seen()));

  can_up(a(), "can1");
  Job traffic = a().start("cangen -g 1 -p 100 can2");
  mine.crash_into(to_config({.devices = 2}));
  a().must("while [ -e /sys/class/net/can2 ]; do usleep 10000; done");
  EXPECT_NE(traffic.wait().status, 0) << "its interface is gone";
  EXPECT_THAT(pass_samples(a(), "can0", a(), "can1"), ElementsAreArray(samples_seen()))
      << "the others do not notice";
}

TEST_P(LoopbackTest, TwoHelpersServeTwoLinksAtOnce) {
  boot_guest(2);
  LocalHelper first(a(), to_config({.devices = 2}), {.name = "first"});
  a().wait_for_path("/sys/class/net/can1");
  LocalHelper second(a(), to_config({.devices = 2}), {.name = "second"});
  for (const std::string name : {"can0", "can1", "can2", "can3"}) can_up(a(), name);
  EXPECT_EQ(a().must("ls /sys/class/virtio_msg_loopback").text, "loopback0\nloopback1\n");
  Recording on_second(a(), "can3", sample_frames().size());
  EXPECT_THAT(pass_samples(a(), "can0", a(), "can1"), ElementsAreArray(samples_seen()));
  EXPECT_THAT(on_second.frames_so_far(), IsEmpty()) << "that is another bus";
  first.stop();
  EXPECT_NE(a().run("test -e /sys/class/net/can0").status, 0);
  for (const SampleFrame& frame : sample_frames())
    a().must(fmt::format("cansend can2 {}", frame.sent));
  EXPECT_THAT(on_second.frames(), ElementsAreArray(samples_seen()));
}

TEST_P(LoopbackTest, TheGroupOfTheFileMayServeAndOthersMayNot) {
  constexpr const char* kStranger = "setpriv --reuid 1000 --regid 1000 --clear-groups";
  boot_guest();
  const std::string config = to_config({.devices = 2});
  a().must("chgrp 990 /dev/virtio-msg-loopback; chmod 660 /dev/virtio-msg-loopback");
  a().write("/etc/stranger.toml", config);
  const Output refused = a().run(fmt::format(
      "chmod 644 /etc/stranger.toml; {} stratosd --config /etc/stranger.toml", kStranger));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.text, HasSubstr("join the group that the file belongs to"));
  LocalHelper member(a(), config, {.as = "setpriv --reuid 1000 --regid 1000 --groups 990"});
  can_up(a(), "can0");
  can_up(a(), "can1");
  expect_frames_pass();
}

// Tasks are frozen, and the helper among them, for longer than the dead time.
TEST_P(LoopbackTest, DevicesSleepAndWakeWithTheirHelper) {
  start_bench(2);
  a().must("echo 2000 >/sys/module/virtio_msg/parameters/peer_timeout_ms");
  a().must("echo devices >/sys/power/pm_test && echo freeze >/sys/power/state",
           std::chrono::seconds(60));
  expect_frames_pass();
  EXPECT_THAT(a().must("mmc rpmb read-counter /dev/vrpmb0").text, HasSubstr("0x00000000"));
  EXPECT_THAT(a().must("dmesg").text, Not(HasSubstr("peer is silent")));
}

STRATOS_ON_EACH_KERNEL(LoopbackTest);

}  // namespace
}  // namespace stratos::guest
