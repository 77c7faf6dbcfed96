// SPDX-License-Identifier: Apache-2.0
// Guest and stub VM: the helper in a virtual machine of its own, over UIO.

#include <gmock/gmock.h>

#include "harness/can.h"
#include "harness/numbered_frames.h"
#include "stub_bench.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using StubVmTest = StubBench;

TEST_P(StubVmTest, FramesPassBetweenTheGuestAndTheStubsBus) {
  constexpr uint64_t kFrames = 500;
  start_bench();
  EXPECT_THAT(pass_samples(a(), "can0", stub(), "vcan0"), ElementsAreArray(samples_seen()));
  EXPECT_THAT(pass_samples(stub(), "vcan0", a(), "can0"), ElementsAreArray(samples_seen()));

  SequenceCheck check(stub(), "vcan0", "123");
  send_numbered(a(), "can0", "123", kFrames).wait(time_for(kFrames));
  const Sequence came = check.wait(time_for(kFrames));
  EXPECT_EQ(came.frames, kFrames);
  EXPECT_THAT(came.jumps, IsEmpty());
}

TEST_P(StubVmTest, AFloodOnTheStubsBusWaitsForTheGuest) {
  start_bench();
  expect_flood_arrives(5000);
}

TEST_P(StubVmTest, FullDuplexIsWholeAndInOrder) {
  start_bench();
  expect_full_duplex(10'000);
}

STRATOS_ON_EACH_KERNEL(StubVmTest);

}  // namespace
}  // namespace stratos::guest
