// SPDX-License-Identifier: Apache-2.0
// Our modules against a device side that breaks every rule: whatever it does, nothing
// in the guest hangs or complains, the modules go, and an honest helper is served next.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>

#include "can_link.h"
#include "fixture.h"
#include "harness/can.h"
#include "harness/helper.h"
#include "harness/hub.h"
#include "harness/kernel_log.h"
#include "hostile/tricks.h"

namespace stratos::guest {
namespace {

using std::chrono::seconds;

// Longer than all deadlines of the modules below together, much shorter than a hang.
constexpr seconds kBounded{25};

// Deadlines that are missed on purpose, so they are short, but not for a machine under load:
// a device that is broken too early never plays its trick. A peer that lives and is only
// slow has its respite. The frontend first: it is there when its device appears.
constexpr const char* kLoad =
    "modprobe virtio_msg request_timeout_ms=500 peer_timeout_ms=1000 reset_timeout_ms=200 && "
    "modprobe virtio_can control_timeout_ms=1000 && modprobe virtio_msg_ivshmem";
constexpr const char* kUnload = "rmmod virtio_can && rmmod virtio_msg_ivshmem && rmmod virtio_msg";
// Each step may fail: the device is a liar. None may take for ever.
constexpr const char* kUse =
    "ip link set can0 up; cansend can0 123#0102030405060708; cansend can0 12345678#; "
    "cansend can0 7FF##0AA";

// One of each sort, for the tests that every change runs. The others are left to the long ones.
constexpr std::array kFew = {"silent-about-queues",      "wrong-token",
                             "memory-behind-the-region", "endless-queues",
                             "torn-configuration",       "reset-never-ends",
                             "oversized-message",        "needs-reset",
                             "tail-out-of-range",        "new-epoch-each-turn",
                             "messages-of-noise",        "head-of-noise",
                             "used-id-out-of-range",     "used-id-twice",
                             "used-length-of-4-billion", "used-index-jumps",
                             "memory-of-noise",          "wrap-counter-wrong",
                             "descriptors-of-noise",     "control-never-answered",
                             "tx-never-given-back",      "rx-longer-than-a-buffer"};

const char* to_string(RingKind rings) { return rings == RingKind::kPacked ? "packed" : "split"; }

class HostileDeviceTest : public KernelTest {
 protected:
  // The tricks that this kind of ring can stand, one after the other in one guest; then a
  // device side that is honest.
  void meet_all(const std::vector<Trick>& tricks, RingKind rings);
  // The same with those of them that are among the few.
  void meet_few(RingKind rings);

 private:
  // A user meets the trick: he loads the modules, uses the interface if there is one, and
  // unloads them.
  void meet(const Trick& trick, RingKind rings);
  void use_interface();
  void meet_honest(RingKind rings);

  std::unique_ptr<Hub> hub_;
  Guest* a_ = nullptr;
  size_t faults_ = 0;
};

// STRATOS_TRICK names one trick, for whoever looks into what it does.
bool is_wanted(const Trick& trick) {
  const char* const one = std::getenv("STRATOS_TRICK");
  return one == nullptr || trick.name == one;
}

// Waits until the hostile device side has printed this.
void expect_said(Program& program, const std::string& what) {
  EXPECT_TRUE(KernelLog(program.log()).wait_for(what, in(seconds(10)))) << what << " was not said";
}

void HostileDeviceTest::use_interface() {
  a_->wait_for_path("/sys/class/net/can0");
  a_->run(kUse, kBounded);
}

void HostileDeviceTest::meet(const Trick& trick, RingKind rings) {
  SCOPED_TRACE(trick.name);
  Program hostile({.argv = {STRATOS_HOSTILE_DEVICE, hub_->device_socket("a"),
                            std::string(trick.name), to_string(rings)},
                   .log = scratch_.logs() / fmt::format("{}.hostile", trick.name)});
  expect_said(hostile, "ready");
  a_->must(kLoad, kBounded);
  if (!trick.nips_in_the_bud) use_interface();
  expect_said(hostile, fmt::format("played {}", trick.name));
  a_->must(kUnload, kBounded);
  hostile.stop(SIGKILL);
  a_->settle();
  const size_t faults = a_->log().faults().size();
  EXPECT_EQ(faults, faults_) << "the guest's kernel complained";
  faults_ = faults;
}

void HostileDeviceTest::meet_honest(RingKind rings) {
  SCOPED_TRACE("honest");
  const Helper helper(scratch_,
                      to_config({.socket = hub_->device_socket("a"), .ring = to_string(rings)}));
  a_->must(kLoad);
  can_up(*a_, "can0");
  a_->must("cansend can0 123#01");
  a_->must(
      "until [ $(cat /sys/class/net/can0/statistics/tx_packets) -eq 1 ]; do usleep 5000; done");
  a_->must(kUnload);
}

void HostileDeviceTest::meet_all(const std::vector<Trick>& tricks, RingKind rings) {
  hub_ = std::make_unique<Hub>(scratch_, std::vector<std::string>{"a"});
  a_ = &boot({.kernel = kernel(), .links = {hub_->driver_socket("a")}, .cpus = 2});
  a_->insmod("can-raw");
  for (const Trick& trick : tricks) {
    if (trick.only.value_or(rings) != rings || !is_wanted(trick)) continue;
    if (rings == RingKind::kSplit && !trick.breaks_split.empty()) {
      fmt::print("left out with split rings: {}: {}\n", trick.name, trick.breaks_split);
      continue;
    }
    meet(trick, rings);
  }
  meet_honest(rings);
}

void HostileDeviceTest::meet_few(RingKind rings) {
  std::vector<Trick> few;
  std::ranges::copy_if(tricks(), std::back_inserter(few), [](const Trick& trick) {
    return std::ranges::find(kFew, trick.name) != kFew.end();
  });
  ASSERT_EQ(few.size(), kFew.size()) << "a name is not known";
  meet_all(few, rings);
}

TEST_P(HostileDeviceTest, WhateverItSays) { meet_all(message_tricks(), RingKind::kPacked); }
TEST_P(HostileDeviceTest, WhateverItDoesToTheLink) { meet_all(link_tricks(), RingKind::kPacked); }
TEST_P(HostileDeviceTest, WhateverItDoesToPackedRings) {
  meet_all(queue_tricks(), RingKind::kPacked);
}
TEST_P(HostileDeviceTest, WhateverItDoesToSplitRings) {
  meet_all(queue_tricks(), RingKind::kSplit);
}
TEST_P(HostileDeviceTest, AFewOfEverySort) { meet_few(RingKind::kPacked); }

STRATOS_ON_EACH_KERNEL(HostileDeviceTest);

}  // namespace
}  // namespace stratos::guest
