// SPDX-License-Identifier: Apache-2.0

#include "can_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "can_link.h"
#include "harness/numbered_frames.h"
#include "survival.h"

namespace stratos::guest {
namespace {

using ::testing::IsEmpty;

// All of them fit into the socket of a candump that gets no time to run: a tool that is too slow
// for a whole million would lose frames that the device did not.
constexpr uint64_t kBurst = 25'000;

// This machine may have better things to do than to run a guest for longer than the default.
constexpr int kOverloadMs = 30'000;

}  // namespace

void CanBench::start_bench(int cpus) {
  hub_ = std::make_unique<Hub>(scratch_, std::vector<std::string>{"a"});
  start_over(to_config({.socket = hub_->device_socket("a"), .devices = 2, .bus_keys = bus_keys()}),
             {.kernel = kernel(), .links = {hub_->driver_socket("a")}, .cpus = cpus},
             "virtio_msg_ivshmem");
}

void CanBench::start_over(const std::string& config, const Machine& machine,
                          const std::string& transport) {
  helper_ = std::make_unique<Helper>(scratch_, config);
  a_ = &boot(machine);
  insmod_virtio_can(*a_, transport);
  can_up(*a_, "can0");
  can_up(*a_, "can1");
}

std::string CanBench::bus_keys() const {
  return fmt::format("record = \"{}\"\noverload_ms = {}", record().string(), kOverloadMs);
}

void CanBench::expect_frames_pass() {
  Recording recording(*a_, "can1", 1);
  a_->must("cansend can0 5A5#0123");
  EXPECT_THAT(recording.frames(), ::testing::ElementsAre("5A5#0123"));
}

uint64_t CanBench::received_at_can1() {
  return std::stoull(a_->must("cat /sys/class/net/can1/statistics/rx_packets").text);
}

void CanBench::expect_numbered_frames_pass(uint64_t frames) {
  const uint64_t before = received_at_can1();
  for (uint64_t sent = 0; sent < frames && !HasFailure(); sent += kBurst) {
    SequenceCheck check(*a_, "can1", "123");
    Job sender = send_numbered(*a_, "can0", "123", kBurst);
    EXPECT_EQ(sender.wait(time_for(kBurst)).status, 0);
    const Sequence at_can1 = check.wait(time_for(kBurst));
    EXPECT_EQ(at_can1.frames, kBurst) << helper_->ask("stats");
    EXPECT_THAT(at_can1.jumps, IsEmpty());
  }
  const uint64_t ends = frames / kBurst;
  EXPECT_EQ(received_at_can1() - before, frames + ends);
  helper_->stop();
  const Sequence recorded = check_record(record(), "123");
  EXPECT_EQ(recorded.frames, frames);
  EXPECT_THAT(recorded.jumps, IsEmpty());
}

void CanBench::expect_numbered_frames_survive_crashes(uint64_t frames, uint64_t crashes) {
  expect_numbered_frames_survive(frames, crashes, [this] {
    helper_->crash();
    helper_->start();
  });
}

void CanBench::expect_numbered_frames_survive(uint64_t frames, uint64_t crashes,
                                              const std::function<void()>& crash) {
  const uint64_t before = received_at_can1();
  SequenceCheck check(*a_, "can1", "123");
  Job sender = send_numbered(*a_, "can0", "123", frames);
  for (uint64_t round = 1; round <= crashes; ++round) {
    a_->must(fmt::format("until [ $(cat /sys/class/net/can1/statistics/rx_packets) -gt {} ]; do "
                         "usleep 10000; done",
                         before + frames * round / (crashes + 1)),
             time_for(frames));
    crash();
  }
  EXPECT_EQ(sender.wait(time_for(frames)).status, 0);
  const Sequence came = check.wait(std::chrono::seconds(60));
  expect_complete_but_for_repeats(came, frames, crashes);
}

}  // namespace stratos::guest
