// SPDX-License-Identifier: Apache-2.0
// Our modules against a device side that breaks every rule: whatever it does, nothing
// in the guest hangs or complains, the modules go, and an honest helper is served next.

#include <fmt/format.h>

#include "fixture.h"
#include "harness/hub.h"
#include "harness/kernel_log.h"
#include "hostile/tricks.h"

namespace stratos::guest {
namespace {

using std::chrono::seconds;

class HostileDeviceTest : public KernelTest {
 protected:
  // Longer than any deadline of the modules below, much shorter than a hang.
  static constexpr seconds kBounded{25};

  // A user meets the trick: he loads the modules, uses the interface if there is one, and
  // unloads them.
  void meet(const Trick& trick);
  void meet_all(const std::vector<Trick>& tricks);
  void use_interface();
  // Waits until the hostile device side has printed this.
  void expect_said(Program& program, const std::string& what, Timeout timeout);

  std::unique_ptr<Hub> hub_;
  Guest* a_ = nullptr;
};

void HostileDeviceTest::expect_said(Program& program, const std::string& what, Timeout timeout) {
  EXPECT_TRUE(KernelLog(program.log()).wait_for(what, in(timeout))) << what << " was not said";
}

// Each step may fail: the device is a liar. None may take for ever.
void HostileDeviceTest::use_interface() {
  if (a_->run("i=0; until [ -e /sys/class/net/can0 ]; do i=$((i + 1)); [ $i -lt 50 ] || exit 1; "
              "usleep 20000; done")
          .status != 0) {
    return;
  }
  a_->run("ip link set can0 up", kBounded);
  a_->run("cansend can0 123#0102030405060708; cansend can0 12345678#; cansend can0 7FF##0AA",
          kBounded);
  a_->run("usleep 200000");  // what it does by itself, it does in this time
  a_->run("ip link set can0 down", kBounded);
}

void HostileDeviceTest::meet(const Trick& trick) {
  SCOPED_TRACE(trick.name);
  Program hostile(
      {.argv = {STRATOS_HOSTILE_DEVICE, hub_->device_socket("a"), std::string(trick.name)},
       .log = scratch_.logs() / fmt::format("{}.hostile", trick.name)});
  expect_said(hostile, "ready", seconds(10));
  a_->insmod("virtio_msg", "request_timeout_ms=200 peer_timeout_ms=1500 reset_timeout_ms=300");
  a_->insmod("virtio_msg_ivshmem");
  a_->insmod("virtio_can", "control_timeout_ms=200");
  use_interface();
  expect_said(hostile, fmt::format("played {}", trick.name), seconds(10));
  EXPECT_EQ(a_->run("rmmod virtio_can", kBounded).status, 0);
  EXPECT_EQ(a_->run("rmmod virtio_msg_ivshmem", kBounded).status, 0);
  EXPECT_EQ(a_->run("rmmod virtio_msg", kBounded).status, 0);
  hostile.stop(SIGKILL);
  a_->settle();
}

void HostileDeviceTest::meet_all(const std::vector<Trick>& tricks) {
  hub_ = std::make_unique<Hub>(scratch_, std::vector<std::string>{"a"});
  a_ = &boot({.kernel = kernel(), .links = {hub_->driver_socket("a")}, .cpus = 2});
  for (const Trick& trick : tricks) meet(trick);
}

TEST_P(HostileDeviceTest, WhateverItSays) { meet_all(message_tricks()); }
TEST_P(HostileDeviceTest, WhateverItDoesToTheLink) { meet_all(link_tricks()); }
TEST_P(HostileDeviceTest, WhateverItDoesToTheQueues) { meet_all(queue_tricks()); }

STRATOS_ON_EACH_KERNEL(HostileDeviceTest);

}  // namespace
}  // namespace stratos::guest
