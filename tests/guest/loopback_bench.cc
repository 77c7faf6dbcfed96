// SPDX-License-Identifier: Apache-2.0

#include "loopback_bench.h"

#include <gmock/gmock.h>

#include "can_link.h"
#include "harness/can.h"
#include "harness/numbered_frames.h"
#include "survival.h"

namespace stratos::guest {

void LoopbackBench::boot_guest(int cpus) {
  a_ = &boot({.kernel = kernel(), .cpus = cpus});
  insmod_virtio_can(*a_, "virtio_msg_loopback");
  a_->insmod("virtio_rpmb");
}

void LoopbackBench::start_bench(int cpus, const LocalHelper::Options& options) {
  boot_guest(cpus);
  store_.emplace(*a_, "store");
  helper_.emplace(
      *a_, to_config({.devices = 2, .bus_keys = "record = \"/tmp/bus.log\""}) + store_->device(2),
      options);
  can_up(*a_, "can0");
  can_up(*a_, "can1");
  a_->wait_for_path("/dev/vrpmb0");
  a_->write("/tmp/key", rpmb_key("secret"));
  a_->must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
}

void LoopbackBench::allow_long_absence() {
  a_->must(
      "echo 60000 >/sys/module/virtio_msg/parameters/peer_timeout_ms; "
      "echo 60000 >/sys/module/virtio_rpmb/parameters/request_timeout_ms");
}

void LoopbackBench::expect_frames_pass() {
  Recording recording(*a_, "can1", 1);
  a_->must("cansend can0 5A5#0123");
  EXPECT_THAT(recording.frames(), ::testing::ElementsAre("5A5#0123"));
}

// Several requests deep: virtio_can has up to 128 frames under way, beside the writes.
void LoopbackBench::expect_loads_survive_kills() {
  constexpr uint64_t kFrames = 5000;
  // On a busy computer a helper is killed more often than it is at work.
  constexpr auto kPatience = std::chrono::minutes(10);
  allow_long_absence();
  a_->write("/tmp/writer", R"(
i=0
while [ ! -e /tmp/enough ]; do
  (echo $i; head -c 256 /dev/zero) | head -c 256 >/tmp/numbered
  mmc rpmb write-block /dev/vrpmb0 $((i % 1000)) /tmp/numbered /tmp/key >/tmp/said || {
    cat /tmp/said
    exit 1
  }
  i=$((i + 1))
done
mmc rpmb read-block /dev/vrpmb0 $(((i - 1) % 1000)) 1 /tmp/read /tmp/key && cmp /tmp/read /tmp/numbered
printf 'Counter value: 0x%08x\n' $i
)");
  Job writer = a_->start("sh /tmp/writer");
  helper_->crash();
  bool last = false;
  while (!last && !HasFailure()) {
    last = helper_->kills_done();
    SequenceCheck check(*a_, "can1", "123");
    Job sender = send_numbered(*a_, "can0", "123", kFrames);
    EXPECT_EQ(sender.wait(kPatience).status, 0);
    expect_complete_but_for_repeats(check.wait(kPatience), kFrames, kFrames);
  }
  a_->must("touch /tmp/enough");
  const Output written = writer.wait(kPatience);
  EXPECT_EQ(written.status, 0) << written.text << helper_->log();
  EXPECT_EQ(a_->must("mmc rpmb read-counter /dev/vrpmb0").text, written.text)
      << "each write counts once";
}

void LoopbackBench::wait_for_no_devices() {
  a_->must("until [ -z \"$(ls /sys/bus/virtio/devices)\" ]; do usleep 20000; done");
}

}  // namespace stratos::guest
