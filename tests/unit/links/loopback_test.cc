// SPDX-License-Identifier: Apache-2.0
// What can be seen of the loopback bus without its module: what is refused, and why. The
// rest is for the guest tests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "links/loopback/loopback_attachment.h"

namespace stratos::links {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSize = 4 << 20;

TEST(LoopbackAttachment, SaysThatTheModuleIsMissing) {
  const auto attachment = LoopbackAttachment::create("/dev/no-such-node", kSize);
  ASSERT_FALSE(attachment);
  EXPECT_EQ(attachment.error(),
            "cannot open /dev/no-such-node: No such file or directory; load virtio_msg_loopback");
}

TEST(LoopbackAttachment, TakesNoOtherNode) {
  const auto attachment = LoopbackAttachment::create("/dev/null", kSize);
  ASSERT_FALSE(attachment);
  EXPECT_THAT(attachment.error(), HasSubstr("cannot get memory from /dev/null: "));
}

TEST(LoopbackAttachment, RefusesARegionThatHoldsNoLayoutBeforeItAsksForOne) {
  const auto attachment = LoopbackAttachment::create("/dev/null", 4096);
  ASSERT_FALSE(attachment);
  EXPECT_THAT(attachment.error(), HasSubstr("4096 bytes do not hold the layout: "));
}

TEST(LoopbackAttachment, TakesOverNoFileOfAnotherKind) {
  for (const int fd : {eventfd(0, EFD_CLOEXEC), memfd_create("region", MFD_CLOEXEC)}) {
    const auto attachment = LoopbackAttachment::adopt(runtime::UniqueFd(fd), kSize);
    ASSERT_FALSE(attachment);
    EXPECT_THAT(attachment.error(), HasSubstr("it is no loopback link: "));
  }
}

}  // namespace
}  // namespace stratos::links
