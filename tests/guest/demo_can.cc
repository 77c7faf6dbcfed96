// SPDX-License-Identifier: Apache-2.0
// The story of a CAN frame: a guest with virtio_can, a stub VM with stratosd, unmodified can-utils
// at both ends. Prints what happens; ends with "demo-can: ok", or with the reason why not.

#include <fmt/format.h>

#include <algorithm>

#include "harness/can.h"
#include "harness/hub.h"
#include "harness/story.h"
#include "harness/stub_vm.h"

namespace stratos::guest {
namespace {

constexpr size_t kBurst = 1000;

// What was seen at the end that sends must come, all of it and in order, at the other.
void show_burst(Guest& from, const std::string& out, Guest& to, const std::string& in,
                const std::string& command) {
  Recording there(to, in, kBurst);
  Recording here(from, out, kBurst);
  from.must(command, std::chrono::seconds(120));
  const auto sent = here.frames();
  const auto came = there.frames();
  const auto differs = std::ranges::mismatch(sent, came).in1 - sent.begin();
  require(sent == came, fmt::format("frame {} of `{}` came as another", differs, command));
  tell("{} {} -> {} {}: {}: {} sent, {} came, in order", from.name(), out, to.name(), in, command,
       sent.size(), came.size());
}

void run() {
  const Scratch scratch("demo-can");
  tell("logs are in {}", scratch.logs().string());
  Hub hub(scratch, {"a"});
  tell("stratos-hub keeps a region and two doorbells; it knows nothing of CAN");

  const Kernel kernel = Kernel::of("6.1");
  Guest a({.kernel = kernel,
           .name = "guest",
           .logs = scratch.logs(),
           .links = {hub.driver_socket("a")}});
  Guest b({.kernel = kernel,
           .name = "stub",
           .logs = scratch.logs(),
           .links = {hub.device_socket("a")}});
  a.wait_ready();
  b.wait_ready();
  tell("two machines run Debian's {} under QEMU, joined by one ivshmem link", kernel.release);

  StubVm stub(b, serve_can_on(b, "vcan0"));
  tell("stub:  insmod uio_stratos; stratosd serves virtio-can onto vcan0");
  insmod_virtio_can(a);
  can_up(a, "can0");
  tell("guest: insmod virtio_msg_ivshmem virtio_can; ip link set can0 up");

  show_samples(a, "can0", b, "vcan0");
  show_samples(b, "vcan0", a, "can0");
  tell("");
  // The guest waits for room in its queue; a bus waits for nobody, so it gets a bus's pace.
  show_burst(a, "can0", b, "vcan0", fmt::format("cansequence -p --loop={} can0", kBurst));
  show_burst(b, "vcan0", a, "can0", fmt::format("cangen -g 1 -D i -L 8 -n {} vcan0", kBurst));
  require_quiet(a);
  require_quiet(b);
  tell("both kernels' logs are clean");
}

}  // namespace
}  // namespace stratos::guest

int main() { return stratos::guest::tell_story("demo-can", stratos::guest::run); }
