// SPDX-License-Identifier: Apache-2.0
// The story of a machine that serves itself: one Debian guest, no second one, and nothing of the
// hypervisor's. stratosd and the tools that use its devices run on the same kernel. Prints what
// happens; ends with "demo-loopback: ok", or with the reason why not.

#include <fmt/format.h>

#include <string>

#include "harness/can.h"
#include "harness/local_helper.h"
#include "harness/numbered_frames.h"
#include "harness/rpmb.h"
#include "harness/story.h"

namespace stratos::guest {
namespace {

constexpr const char* kBus = "virtio_msg_loopback";

constexpr const char* kCan = R"(
[[link]]
name = "a"
type = "loopback"

[[bus]]
name = "bus"
type = "socketcan"
interface = "vcan0"

[[device]]
name = "can0"
type = "can"
link = "a"
number = 0
bus = "bus"
)";

void write_and_read_back(Guest& guest) {
  guest.write("/tmp/key", rpmb_key("a key of thirty-two bytes, mine."));
  guest.write("/tmp/block", rpmb_block("served by this very machine "));
  show(guest, "mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  show(guest, "mmc rpmb write-block /dev/vrpmb0 0 /tmp/block /tmp/key");
  require_in(show(guest, "mmc rpmb read-block /dev/vrpmb0 0 1 - /tmp/key | head -c 27"),
             "this very machine");
}

// What came, and how many of that came again.
void tell_of_frames(const Sequence& came, uint64_t sent) {
  uint64_t again = 0;
  for (const Sequence::Jump& jump : came.jumps) {
    require(jump.came < jump.expected, fmt::format("frame {} is missing", jump.expected));
    again += jump.expected - jump.came;
  }
  require(came.frames == sent + again, fmt::format("{} frames came", came.frames));
  tell("{} frames came in order, none is missing; {} that were in flight came again", sent, again);
}

void kill_under_load(Guest& guest, LocalHelper& helper) {
  constexpr uint64_t kFrames = 10'000;
  constexpr int kWrites = 20;
  SequenceCheck frames(guest, "vcan0", "123");
  Job sender = send_numbered(guest, "can0", "123", kFrames);
  Job writer = guest.start(fmt::format(
      "sh -c 'for i in $(seq {}); do mmc rpmb write-block /dev/vrpmb0 $i /tmp/block /tmp/key "
      "|| exit 1; echo written $i; done'",
      kWrites));
  for (int kill = 1; kill <= 3; ++kill) {
    writer.wait_for(fmt::format("written {}\n", 5 * kill), std::chrono::seconds(60));
    helper.crash();
  }
  require(writer.wait(std::chrono::seconds(120)).status == 0, "a write failed");
  require(sender.wait(time_for(kFrames)).status == 0, "a frame was not taken");
  tell("\nstratosd was killed three times while {} frames were sent and {} blocks written; its",
       kFrames, kWrites);
  tell("successors got its file from their service manager and went on:");
  tell_of_frames(frames.wait(time_for(kFrames)), kFrames);
  tell("each block was written once:");
  require_in(show(guest, "mmc rpmb read-counter /dev/vrpmb0"), "0x00000015");
}

void run() {
  const Scratch scratch("demo-loopback");
  tell("logs are in {}", scratch.logs().string());
  const Kernel kernel = Kernel::of("6.1");
  Guest guest({.kernel = kernel, .name = "guest", .logs = scratch.logs(), .cpus = 2});
  vcan_up(guest, "vcan0");
  insmod_virtio_can(guest, kBus);
  tell("one machine runs Debian's {}: it has no ivshmem, no virtio of QEMU, no neighbour",
       kernel.release);
  tell("guest: insmod {} virtio_can virtio_rpmb", kBus);

  const LocalRpmbStore store(guest, "store");
  LocalHelper helper(guest, kCan + store.device(1));
  tell("guest: stratosd serves a CAN controller onto vcan0, and a sealed store");
  insmod_virtio_rpmb(guest, kBus);
  can_up(guest, "can0");
  require_in(show(guest, "ls -d /sys/class/virtio_msg_loopback/loopback0/vmsg*"), "vmsg0.0");

  show_samples(guest, "can0", guest, "vcan0");
  show_samples(guest, "vcan0", guest, "can0");
  write_and_read_back(guest);
  kill_under_load(guest, helper);

  require(helper.stop() == 0, "stratosd failed");
  guest.must("until [ -z \"$(ls /sys/bus/virtio/devices)\" ]; do usleep 20000; done");
  tell("\nstratosd ended, and nobody kept its file: the devices are gone");
  require(store.verify(), "stratos-rpmb finds the store wrong");
  require_quiet(guest);
  tell("the kernel's log is clean");
}

}  // namespace
}  // namespace stratos::guest

int main() { return stratos::guest::tell_story("demo-loopback", stratos::guest::run); }
