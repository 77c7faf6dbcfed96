// SPDX-License-Identifier: Apache-2.0

#include "survival.h"

#include <gtest/gtest.h>

namespace stratos::guest {
namespace {

// What virtio_can has under way at a time: half its Tx queue of 256, two descriptors a frame.
constexpr uint64_t kMostInFlight = 128;

}  // namespace

void allow_long_absence(Guest& guest) {
  guest.must(
      "for timeout in virtio_msg/parameters/peer_timeout_ms "
      "virtio_rpmb/parameters/request_timeout_ms; do "
      "[ ! -e /sys/module/$timeout ] || echo 60000 >/sys/module/$timeout; done");
}

void expect_complete_but_for_repeats(const Sequence& came, uint64_t frames, uint64_t kills) {
  uint64_t again = 0;
  for (const Sequence::Jump& jump : came.jumps) {
    ASSERT_LT(jump.came, jump.expected) << "frames are missing";
    ASSERT_LE(jump.expected - jump.came, kMostInFlight) << "not only what was in flight came again";
    again += jump.expected - jump.came;
  }
  EXPECT_LE(came.jumps.size(), kills);
  EXPECT_EQ(came.frames, frames + again);
}

}  // namespace stratos::guest
