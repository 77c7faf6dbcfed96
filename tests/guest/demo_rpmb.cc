// SPDX-License-Identifier: Apache-2.0
// The story of a block that cannot be taken back: a guest with virtio_rpmb and Debian's mmc, and
// stratosd on this machine with a sealed store. Prints what happens; ends with "demo-rpmb: ok", or
// with the reason why not.

#include <string>

#include "harness/helper.h"
#include "harness/hub.h"
#include "harness/rpmb.h"
#include "harness/story.h"

namespace stratos::guest {
namespace {

void program_and_write(Guest& guest) {
  show(guest, "mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  show(guest, "mmc rpmb write-block /dev/vrpmb0 0 /tmp/block /tmp/key");
  require_in(show(guest, "mmc rpmb read-block /dev/vrpmb0 0 1 - /tmp/key | head -c 33"),
             "versions");
  require_in(show(guest, "mmc rpmb read-counter /dev/vrpmb0"), "0x00000001");
}

void replay(Guest& guest, const std::string& key) {
  tell("\nSomebody recorded the frame of the next write, and plays it again after another one:");
  guest.write("/tmp/frame", rpmb_write_frame(key, rpmb_block("version 2. "), 0, 1));
  require_in(show(guest, "rpmb-commands /dev/vrpmb0 write /tmp/frame"), "ok 0");
  guest.write("/tmp/block", rpmb_block("version 3. "));
  show(guest, "mmc rpmb write-block /dev/vrpmb0 0 /tmp/block /tmp/key");
  require_in(show(guest, "rpmb-commands /dev/vrpmb0 write /tmp/frame"), "ok 3");
  tell("  refused: result 3 is a write counter failure");
}

void kill_while_writing(Guest& guest, Helper& helper) {
  constexpr int kWrites = 20;
  Job writer = guest.start(fmt::format(
      "sh -c 'i=0; while [ $i -lt {} ]; do mmc rpmb write-block /dev/vrpmb0 $i /tmp/block /tmp/key "
      "|| exit 1; i=$((i+1)); echo written $i; done'",
      kWrites));
  for (int kill = 1; kill <= 3; ++kill) {
    writer.wait_for(fmt::format("written {}\n", 5 * kill), std::chrono::seconds(60));
    helper.crash();
    helper.start();
  }
  require(writer.wait(std::chrono::seconds(120)).status == 0, "a write failed");
  tell("\nstratosd was killed three times while the guest wrote {} blocks; each was written once:",
       kWrites);
  require_in(show(guest, "mmc rpmb read-counter /dev/vrpmb0"), "0x00000017");
  require_in(show(guest, "mmc rpmb read-block /dev/vrpmb0 19 1 - /tmp/key | head -c 33"),
             "version 3");
}

void run() {
  const Scratch scratch("demo-rpmb");
  tell("logs are in {}", scratch.logs().string());
  const RpmbStore store(scratch, "store");
  tell("stratos-rpmb made a sealed store of 256 KiB, and its anchor");

  Hub hub(scratch, {"a"});
  Helper helper(scratch, rpmb_link(hub.device_socket("a")) + store.device(0));
  Guest guest({.kernel = Kernel::of("6.1"),
               .name = "guest",
               .logs = scratch.logs(),
               .links = {hub.driver_socket("a")}});
  insmod_virtio_rpmb(guest);
  tell("guest: insmod virtio_msg_ivshmem virtio_rpmb; ls /dev/vrpmb0");

  const std::string key = rpmb_key("a key of thirty-two bytes, mine.");
  guest.write("/tmp/key", key);
  guest.write("/tmp/block", rpmb_block("there are no older versions here "));
  program_and_write(guest);
  replay(guest, key);
  kill_while_writing(guest, helper);
  require_quiet(guest);
  helper.stop();
  require(store.verify(), "stratos-rpmb finds the store wrong");
  tell("\nstratos-rpmb verify: nothing is wrong with the store");
}

}  // namespace
}  // namespace stratos::guest

int main() { return stratos::guest::tell_story("demo-rpmb", stratos::guest::run); }
