// SPDX-License-Identifier: Apache-2.0
// Devices come, go, sleep and fall off their bus, and the guest sees just that.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "can_link.h"
#include "fixture.h"
#include "harness/can.h"
#include "harness/helper.h"
#include "harness/hub.h"
#include "harness/stub_vm.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

class DeviceLifeTest : public KernelTest {
 protected:
  std::string config(int devices, const std::string& link_keys = "") const {
    return to_config(
        {.socket = hub_.device_socket("a"), .link_keys = link_keys, .devices = devices});
  }

  Guest& boot_with_can() {
    Guest& a = boot({.kernel = kernel(), .links = {hub_.driver_socket("a")}});
    insmod_virtio_can(a);
    return a;
  }

  Hub hub_{scratch_, {"a"}};
};

TEST_P(DeviceLifeTest, BothMessageLayoutsCarryFrames) {
  Helper helper(scratch_, config(2, "layout = \"L1\""));
  Guest& a = boot_with_can();
  can_up(a, "can0");
  can_up(a, "can1");
  EXPECT_THAT(pass_samples(a, "can0", a, "can1"), ElementsAreArray(samples_seen()));
}

TEST_P(DeviceLifeTest, TheyComeAndGoWithTheConfiguration) {
  Helper helper(scratch_, config(1));
  Guest& a = boot_with_can();
  can_up(a, "can0");

  helper.stop();
  helper.start_with(config(3));
  can_up(a, "can1");
  can_up(a, "can2");
  EXPECT_THAT(pass_samples(a, "can0", a, "can2"), ElementsAreArray(samples_seen()));

  Job traffic = a.start("cangen -g 1 -p 100 can2");
  helper.stop();
  helper.start_with(config(2));
  a.must("while [ -e /sys/class/net/can2 ]; do usleep 10000; done");
  traffic.wait();
  EXPECT_THAT(pass_samples(a, "can0", a, "can1"), ElementsAreArray(samples_seen()))
      << "the others do not notice";
}

TEST_P(DeviceLifeTest, TheySleepAndWakeWithTheGuest) {
  constexpr size_t kFrames = 2000;
  Helper helper(scratch_, config(2));
  Guest& a = boot_with_can();
  can_up(a, "can0");
  can_up(a, "can1");
  // All devices sleep and are woken at once: a machine without firmware could not wake by itself.
  a.must(
      "echo 0 > /sys/module/suspend/parameters/pm_test_delay; echo devices > /sys/power/pm_test");
  for (int round = 0; round < 3; ++round) {
    Job traffic = a.start("cangen -g 1 -p 100 can0");
    a.must("echo freeze > /sys/power/state");
    traffic.stop();
    Recording recording(a, "can1", kFrames);
    a.must(fmt::format("cansequence -p --loop={} can0", kFrames), std::chrono::seconds(60));
    EXPECT_EQ(recording.frames().size(), kFrames) << "after sleep " << round;
  }
  EXPECT_EQ(a.must("cat /sys/power/suspend_stats/success").text, "3\n");
}

TEST_P(DeviceLifeTest, ABusThatIsDownIsBusOffAndRestartsOnDemand) {
  Guest& a = boot({.kernel = kernel(), .name = "a", .links = {hub_.driver_socket("a")}});
  Guest& b = boot({.kernel = "6.1", .name = "stub", .links = {hub_.device_socket("a")}});
  StubVm stub(b, serve_can_on(b, "vcan0"));
  insmod_virtio_can(a);
  can_up(a, "can0");

  b.must("ip link set vcan0 down");
  a.must("until ip -details link show can0 | grep -q 'state BUS-OFF'; do usleep 10000; done");
  EXPECT_THAT(a.run("ip link set can0 type can restart").text, HasSubstr("RTNETLINK"))
      << "its bus is still down";
  b.must("ip link set vcan0 up");
  a.must("ip link set can0 type can restart");
  a.must("ip -details link show can0 | grep -q 'state ERROR-ACTIVE'");
  EXPECT_THAT(pass_samples(a, "can0", b, "vcan0"), ElementsAreArray(samples_seen()));

  a.must("ip link set can0 down && ip link set can0 up type can restart-ms 5000");
  // Linux tries once, so the bus has to be up again by then.
  b.must("ip link set vcan0 down && ip link set vcan0 up");
  a.must("until ip -details link show can0 | grep -q 'state ERROR-ACTIVE'; do usleep 10000; done");
  EXPECT_THAT(pass_samples(b, "vcan0", a, "can0"), ElementsAreArray(samples_seen()))
      << "it came back by itself";
}

STRATOS_ON_EACH_KERNEL(DeviceLifeTest);

}  // namespace
}  // namespace stratos::guest
