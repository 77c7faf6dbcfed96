// SPDX-License-Identifier: Apache-2.0

#include "system_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/can.h"
#include "harness/footprint.h"
#include "harness/numbered_frames.h"
#include "rpmb_writer.h"
#include "survival.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;

constexpr auto kPatience = std::chrono::minutes(2);

// On a busy computer a guest may get no time to run: for so long it is not dead, and holds the bus
// up before it loses frames.
constexpr int kStarvationMs = 60'000;

std::string link_table(const std::string& name, const std::filesystem::path& socket) {
  return fmt::format(
      "[[link]]\nname = \"{}\"\ntype = \"shm\"\nsocket = \"{}\"\npeer_timeout_ms = {}\n", name,
      socket.string(), kStarvationMs);
}

std::string can_table(const std::string& link, int number) {
  return fmt::format(
      "[[device]]\nname = \"can-{0}{1}\"\ntype = \"can\"\nlink = \"{0}\"\nnumber = {1}\n"
      "bus = \"bench\"\n",
      link, number);
}

uint64_t received(Guest& guest, const std::string& interface) {
  return std::stoull(guest.must("cat /sys/class/net/" + interface + "/statistics/rx_packets").text);
}

void set_up(Guest& guest, int interfaces) {
  insmod_virtio_can(guest);
  insmod_virtio_rpmb(guest);
  allow_long_absence(guest);
  for (int i = 0; i < interfaces; ++i) can_up(guest, fmt::format("can{}", i));
  guest.write("/tmp/key", rpmb_key("secret of " + guest.name()));
  guest.must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
}

}  // namespace

std::string SystemBench::config(bool plugged) const {
  return link_table("a", hub_.device_socket("a")) + link_table("b", hub_.device_socket("b")) +
         fmt::format("[[bus]]\nname = \"bench\"\ntype = \"virtual\"\noverload_ms = {}\n",
                     kStarvationMs) +
         can_table("a", 0) + can_table("a", 1) + can_table("b", 0) + store_a_.device(2, "a") +
         store_b_.device(2, "b") + (plugged ? can_table("b", 5) : "");
}

void SystemBench::start_bench() {
  helper_.emplace(scratch_, config(false));
  a_ = &boot({.kernel = kernel(), .name = "a", .links = {hub_.driver_socket("a")}, .cpus = 2});
  b_ = &boot({.kernel = kernel(), .name = "b", .links = {hub_.driver_socket("b")}});
  set_up(*a_, 2);
  set_up(*b_, 1);
}

void SystemBench::expect_loads_survive_kills(uint64_t frames, uint64_t kills) {
  const uint64_t before = received(*a_, "can1");
  RpmbWriter writer_a(*a_);
  RpmbWriter writer_b(*b_);
  SequenceCheck at_a(*a_, "can1", "123");
  SequenceCheck at_b(*b_, "can0", "123");
  Job sender = send_numbered(*a_, "can0", "123", frames);
  for (uint64_t kill = 0; kill < kills; ++kill) {
    const uint64_t share = frames / kills;
    a_->must(fmt::format("until [ $(cat /sys/class/net/can1/statistics/rx_packets) -gt {} ]; do "
                         "usleep 1000; done",
                         before + kill * share + random_() % share),
             time_for(frames));
    helper_->crash();
    helper_->start();
  }
  EXPECT_EQ(sender.wait(time_for(frames)).status, 0);
  expect_complete_but_for_repeats(at_a.wait(kPatience), frames, kills);
  expect_complete_but_for_repeats(at_b.wait(kPatience), frames, kills);
  writer_a.expect_each_write_counted(kPatience);
  writer_b.expect_each_write_counted(kPatience);
}

void SystemBench::plug_and_unplug() {
  helper_->stop();
  helper_->start_with(config(true));
  can_up(*b_, "can1");
  EXPECT_THAT(pass_samples(*a_, "can0", *b_, "can1"), ElementsAreArray(samples_seen()));
  helper_->stop();
  helper_->start_with(config(false));
  b_->must("while [ -e /sys/class/net/can1 ]; do usleep 10000; done");
}

void SystemBench::stop_helper() {
  EXPECT_EQ(helper_->stop(), 0);
  EXPECT_TRUE(store_a_.verify());
  EXPECT_TRUE(store_b_.verify());
}

SystemBench::Footprint SystemBench::footprint() {
  return {.hub = own_memory_kib(hub_.pid()),
          .helper = own_memory_kib(helper_->program().pid()),
          .kernel_a = kernel_memory_kib(*a_),
          .kernel_b = kernel_memory_kib(*b_)};
}

}  // namespace stratos::guest
