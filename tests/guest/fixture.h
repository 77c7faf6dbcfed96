// SPDX-License-Identifier: Apache-2.0
// What all guest tests share: folders, guests, and the look into the kernels' logs at the end.

#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "harness/guest.h"
#include "harness/scratch.h"

namespace stratos::guest {

class GuestTest : public ::testing::Test {
 protected:
  struct Machine {
    std::string kernel;  // a series
    std::string name = "a";
    std::vector<std::filesystem::path> links{};
    std::vector<VhostUserDevice> vhost_user{};
    int cpus = 1;
    std::vector<std::string> qemu{};
  };

  GuestTest();
  // Fails the test if a kernel complained, and says where the logs are if the test failed.
  void TearDown() override;

  // The guest lives until the end of the test; it boots while the test goes on.
  Guest& boot(const Machine& machine);

  // Declared before the guests: it outlives them.
  Scratch scratch_;

 private:
  std::deque<Guest> guests_;
};

// The same test on each kernel that we support.
class KernelTest : public GuestTest, public ::testing::WithParamInterface<std::string> {
 protected:
  std::string kernel() const { return GetParam(); }
};

std::vector<std::string> all_kernels();
// As a part of a test's name.
std::string kernel_name(std::string series);
std::string kernel_test_name(const ::testing::TestParamInfo<std::string>& info);

#define STRATOS_ON_EACH_KERNEL(suite)                                                           \
  INSTANTIATE_TEST_SUITE_P(Kernel, suite, ::testing::ValuesIn(::stratos::guest::all_kernels()), \
                           ::stratos::guest::kernel_test_name)

}  // namespace stratos::guest
