// SPDX-License-Identifier: Apache-2.0
// A helper that dies and comes back: the guest sees a pause and nothing else.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "can_bench.h"

namespace stratos::guest {
namespace {

using RestartTest = CanBench;

TEST_P(RestartTest, AnIdleGuestDoesNotNotice) {
  start_bench();
  expect_frames_pass();
  helper().crash();
  helper().start();
  expect_frames_pass();
}

TEST_P(RestartTest, NoFrameIsLostOrTwiceWhenTheHelperIsKilledUnderTraffic) {
  constexpr size_t kFrames = 3000;
  start_bench(2);
  Recording recording(a(), "can1", kFrames);
  Job sender = a().start(fmt::format("cansequence -p --loop={} can0", kFrames));
  for (const size_t milestone : {kFrames / 4, kFrames / 2}) {
    a().must(
        fmt::format("until [ $(cat /sys/class/net/can1/statistics/rx_packets) -gt {} ]; do "
                    "usleep 10000; done",
                    milestone));
    helper().crash();
    helper().start();
  }
  EXPECT_EQ(sender.wait(std::chrono::seconds(120)).status, 0);
  const auto frames = recording.frames();
  ASSERT_EQ(frames.size(), kFrames);
  for (size_t i = 0; i < kFrames; ++i)
    ASSERT_EQ(frames[i], fmt::format("002#{:02X}", i % 256)) << "frame " << i;
}

TEST_P(RestartTest, AGuestThatWaitsForADeadHelperCanStillUnload) {
  start_bench();
  helper().crash();
  a().rmmod("virtio_can");
  a().rmmod("virtio_msg_ivshmem");
  helper().start();
  insmod_virtio_can(a());
  can_up(a(), "can0");
  can_up(a(), "can1");
  expect_frames_pass();
}

TEST_P(RestartTest, TheHelperServesTheNextGuestOfTheLink) {
  start_bench();
  expect_frames_pass();
  a().kill();
  Guest& next = boot({.kernel = kernel(), .name = "next", .links = {hub().driver_socket("a")}});
  insmod_virtio_can(next);
  can_up(next, "can0");
  can_up(next, "can1");
  EXPECT_EQ(pass_samples(next, "can0", next, "can1"), samples_seen());
}

STRATOS_ON_EACH_KERNEL(RestartTest);

}  // namespace
}  // namespace stratos::guest
