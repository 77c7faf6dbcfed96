// SPDX-License-Identifier: Apache-2.0

#include "loopback_bench.h"

#include <gmock/gmock.h>

#include <iostream>

#include "can_link.h"
#include "harness/can.h"
#include "harness/numbered_frames.h"
#include "rpmb_writer.h"
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
  allow_long_absence(*a_);
  RpmbWriter writer(*a_);
  helper_->crash();
  bool last = false;
  while (!last && !HasFailure()) {
    last = helper_->kills_done();
    SequenceCheck check(*a_, "can1", "123");
    Job sender = send_numbered(*a_, "can0", "123", kFrames);
    EXPECT_EQ(sender.wait(kPatience).status, 0);
    expect_complete_but_for_repeats(check.wait(kPatience), kFrames, kFrames);
  }
  writer.expect_each_write_counted(kPatience);
  if (HasFailure()) std::cerr << helper_->log();
}

void LoopbackBench::wait_for_no_devices() {
  a_->must("until [ -z \"$(ls /sys/bus/virtio/devices)\" ]; do usleep 20000; done");
}

}  // namespace stratos::guest
