// SPDX-License-Identifier: Apache-2.0

#include "can_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stratos::guest {
namespace {

std::string two_devices_on_one_bus(const std::string& socket, const std::string& record) {
  return fmt::format(R"(
[[link]]
name = "a"
type = "shm"
socket = "{}"

[[bus]]
name = "bench"
type = "virtual"
record = "{}"

[[device]]
name = "can0"
type = "can"
link = "a"
number = 0
bus = "bench"

[[device]]
name = "can1"
type = "can"
link = "a"
number = 1
bus = "bench"
)",
                     socket, record);
}

}  // namespace

void CanBench::start_bench(int cpus) {
  hub_ = std::make_unique<Hub>(scratch_, std::vector<std::string>{"a"});
  helper_ = std::make_unique<Helper>(
      scratch_, two_devices_on_one_bus(hub_->device_socket("a"), scratch_.logs() / "bus.log"));
  a_ = &boot({.kernel = kernel(), .links = {hub_->driver_socket("a")}, .cpus = cpus});
  insmod_virtio_can(*a_);
  can_up(*a_, "can0");
  can_up(*a_, "can1");
}

void CanBench::expect_frames_pass() {
  Recording recording(*a_, "can1", 1);
  a_->must("cansend can0 5A5#0123");
  EXPECT_THAT(recording.frames(), ::testing::ElementsAre("5A5#0123"));
}

void CanBench::expect_sequence_survives_crashes(size_t frames, size_t crashes) {
  const std::string count = "cat /sys/class/net/can1/statistics/rx_packets";
  const size_t before = std::stoul(a_->must(count).text);
  Recording recording(*a_, "can1", frames);
  Job sender = a_->start(fmt::format("cansequence -p --loop={} can0", frames));
  for (size_t crash = 1; crash <= crashes; ++crash) {
    a_->must(fmt::format("until [ $({}) -gt {} ]; do usleep 10000; done", count,
                         before + frames * crash / (crashes + 1)),
             std::chrono::seconds(60));
    helper_->crash();
    helper_->start();
  }
  EXPECT_EQ(sender.wait(std::chrono::seconds(120)).status, 0);
  const auto came = recording.frames();
  ASSERT_EQ(came.size(), frames);
  for (size_t i = 0; i < frames; ++i)
    ASSERT_EQ(came[i], fmt::format("002#{:02X}", i % 256)) << "frame " << i;
}

}  // namespace stratos::guest
