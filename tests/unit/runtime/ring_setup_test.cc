// SPDX-License-Identifier: Apache-2.0
#include "runtime/ring_setup.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace stratos::runtime {
namespace {

TEST(RingSetup, ExplainsWhatToDo) {
  EXPECT_NE(explain_ring_error(ENOSYS).find("seccomp"), std::string::npos);
  EXPECT_NE(explain_ring_error(EPERM).find("io_uring_setup"), std::string::npos);
  EXPECT_NE(explain_ring_error(ENOMEM).find("LimitMEMLOCK"), std::string::npos);
  for (const int error : {ENOSYS, EPERM, ENOMEM, EMFILE, EINVAL}) {
    const std::string line = explain_ring_error(error);
    EXPECT_NE(line.find("io_uring"), std::string::npos);
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace stratos::runtime
