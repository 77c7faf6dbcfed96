// SPDX-License-Identifier: Apache-2.0
// Guest and stub VM: the helper in a virtual machine of its own, over UIO.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "fixture.h"
#include "harness/can.h"
#include "harness/hub.h"
#include "harness/stub_vm.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;

using StubVmTest = KernelTest;

TEST_P(StubVmTest, FramesPassBetweenTheGuestAndTheStubsBus) {
  constexpr size_t kFrames = 500;
  Hub hub(scratch_, {"a"});
  Guest& a = boot({.kernel = kernel(), .name = "a", .links = {hub.driver_socket("a")}});
  Guest& b = boot({.kernel = "6.1", .name = "stub", .links = {hub.device_socket("a")}});
  StubVm stub(b, "vcan0");
  insmod_virtio_can(a);
  can_up(a, "can0");

  EXPECT_THAT(pass_samples(a, "can0", b, "vcan0"), ElementsAreArray(samples_seen()));
  EXPECT_THAT(pass_samples(b, "vcan0", a, "can0"), ElementsAreArray(samples_seen()));

  Recording recording(b, "vcan0", kFrames);
  a.must(fmt::format("cansequence -p --loop={} can0", kFrames), std::chrono::seconds(120));
  EXPECT_EQ(recording.frames().size(), kFrames);
}

STRATOS_ON_EACH_KERNEL(StubVmTest);

}  // namespace
}  // namespace stratos::guest
