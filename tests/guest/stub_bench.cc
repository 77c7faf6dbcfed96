// SPDX-License-Identifier: Apache-2.0

#include "stub_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/can.h"
#include "harness/numbered_frames.h"

namespace stratos::guest {

void StubBench::start_bench() {
  hub_.emplace(scratch_, std::vector<std::string>{"a"});
  a_ = &boot({.kernel = kernel(), .name = "a", .links = {hub_->driver_socket("a")}});
  b_ = &boot({.kernel = "6.1", .name = "stub", .links = {hub_->device_socket("a")}});
  helper_.emplace(*b_, serve_can_on(*b_, "vcan0"));
  insmod_virtio_can(*a_);
  can_up(*a_, "can0");
}

void StubBench::expect_flood_arrives(uint64_t frames) {
  SequenceCheck check(*a_, "can0", "123");
  Job sender = send_numbered(*b_, "vcan0", "123", frames);
  EXPECT_EQ(sender.wait(time_for(frames)).status, 0);
  const Sequence came = check.wait(time_for(frames));
  EXPECT_EQ(came.frames, frames);
  EXPECT_THAT(came.jumps, ::testing::IsEmpty()) << b_->run("stratosctl stats").text;
}

void StubBench::expect_full_duplex(uint64_t frames) {
  Job answering = start_listening(*b_, "vcan0", "canfdtest vcan0");
  const Output checked =
      a_->run(fmt::format("canfdtest -g -l {} can0", frames), time_for(2 * frames));
  EXPECT_EQ(checked.status, 0) << checked.text << b_->run("stratosctl stats").text;
  EXPECT_THAT(checked.text, ::testing::HasSubstr(fmt::format("received: {}\n", frames)));
  answering.stop();
}

}  // namespace stratos::guest
