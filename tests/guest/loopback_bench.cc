// SPDX-License-Identifier: Apache-2.0

#include "loopback_bench.h"

#include <gmock/gmock.h>

#include "can_link.h"
#include "harness/can.h"

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
  a_->must("echo 60000 >/sys/module/virtio_msg/parameters/peer_timeout_ms");
}

void LoopbackBench::expect_frames_pass() {
  Recording recording(*a_, "can1", 1);
  a_->must("cansend can0 5A5#0123");
  EXPECT_THAT(recording.frames(), ::testing::ElementsAre("5A5#0123"));
}

void LoopbackBench::wait_for_no_devices() {
  a_->must("until [ -z \"$(ls /sys/bus/virtio/devices)\" ]; do usleep 20000; done");
}

}  // namespace stratos::guest
