// SPDX-License-Identifier: Apache-2.0
// CAN traffic over both kinds of rings: packed ones, which the helper offers by itself, and
// split ones for drivers that know no others.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <tuple>

#include "can_link.h"
#include "fixture.h"
#include "harness/can.h"
#include "harness/helper.h"
#include "harness/hub.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAreArray;

using RingParam = std::tuple<std::string, std::string>;  // kernel, ring

class RingTest : public GuestTest, public ::testing::WithParamInterface<RingParam> {
 protected:
  const std::string& kernel() const { return std::get<0>(GetParam()); }
  const std::string& ring() const { return std::get<1>(GetParam()); }
};

// The driver's own word on what it negotiated: a digit for each feature bit.
std::string negotiated(Guest& guest, unsigned bit) {
  return guest.must(fmt::format("cut -c{} /sys/bus/virtio/devices/virtio0/features", bit + 1)).text;
}

TEST_P(RingTest, FramesPassBothWaysAndOutliveTheHelper) {
  constexpr unsigned kRingPacked = 34;
  constexpr size_t kFrames = 1000;  // many laps of a ring
  const Hub hub(scratch_, {"a"});
  Helper helper(scratch_,
                to_config({.socket = hub.device_socket("a"), .ring = ring(), .devices = 2}));
  Guest& a = boot({.kernel = kernel(), .links = {hub.driver_socket("a")}, .cpus = 2});
  insmod_virtio_can(a);
  can_up(a, "can0");
  can_up(a, "can1");
  EXPECT_EQ(negotiated(a, kRingPacked), ring() == "packed" ? "1\n" : "0\n");

  EXPECT_THAT(pass_samples(a, "can0", a, "can1"), ElementsAreArray(samples_seen()));
  EXPECT_THAT(pass_samples(a, "can1", a, "can0"), ElementsAreArray(samples_seen()));

  Recording recording(a, "can1", kFrames);
  a.must(fmt::format("cansequence -p --loop={} can0", kFrames), std::chrono::seconds(120));
  EXPECT_EQ(recording.frames().size(), kFrames);

  helper.crash();
  helper.start();
  EXPECT_THAT(pass_samples(a, "can0", a, "can1"), ElementsAreArray(samples_seen()));
}

INSTANTIATE_TEST_SUITE_P(Kernel, RingTest,
                         ::testing::Combine(::testing::ValuesIn(all_kernels()),
                                            ::testing::Values("packed", "split")),
                         [](const ::testing::TestParamInfo<RingParam>& row) {
                           return kernel_name(std::get<0>(row.param)) + "_" +
                                  std::get<1>(row.param);
                         });

}  // namespace
}  // namespace stratos::guest
