// SPDX-License-Identifier: Apache-2.0
// A helper that dies and comes back: the guest sees a pause and nothing else. A hub that
// does: nobody sees anything.

#include <gmock/gmock.h>

#include "can_bench.h"
#include "survival.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;

using RestartTest = CanBench;

TEST_P(RestartTest, AnIdleGuestDoesNotNotice) {
  start_bench();
  expect_frames_pass();
  helper().crash();
  helper().start();
  expect_frames_pass();
}

TEST_P(RestartTest, NoFrameIsLostWhenTheHelperIsKilledUnderTraffic) {
  start_bench(2);
  allow_long_absence(a());
  expect_numbered_frames_survive_crashes(20000, 5);
}

TEST_P(RestartTest, NoFrameIsLostWhenTheHubIsKilledWithTheHelperThereAndAway) {
  start_bench(2);
  allow_long_absence(a());
  expect_numbered_frames_survive(20000, 4, [this] {
    hub().crash();
    EXPECT_THAT(helper().ask("status"), HasSubstr(R"("hub":"there")"));
    helper().crash();
    hub().crash();
    helper().start();
  });
}

// Longer than control_timeout_ms, which is for a helper that is there.
TEST_P(RestartTest, AnInterfaceGoesDownAndUpWhileTheHelperIsAway) {
  start_bench();
  allow_long_absence(a());
  for (const std::string direction : {"down", "up"}) {
    helper().crash();
    Job request = a().start("ip link set can1 " + direction);
    a().must("sleep 2");
    helper().start();
    const Output answered = request.wait();
    EXPECT_EQ(answered.status, 0) << direction << ": " << answered.text;
  }
  expect_frames_pass();
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
