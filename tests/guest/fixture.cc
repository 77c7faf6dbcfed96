// SPDX-License-Identifier: Apache-2.0

#include "fixture.h"

#include <algorithm>
#include <iostream>

#include "harness/error.h"

namespace stratos::guest {
namespace {

std::string test_name() {
  const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  return std::string(info->test_suite_name()) + "." + info->name();
}

// Nothing is forgiven so far. A line that has to be gets in here with the reason.
constexpr std::array<const char*, 0> kForgiven{};

bool is_forgiven(const std::string& line) {
  return std::any_of(kForgiven.begin(), kForgiven.end(),
                     [&](const char* part) { return line.find(part) != std::string::npos; });
}

}  // namespace

GuestTest::GuestTest() : scratch_(test_name()) {}

Guest& GuestTest::boot(const Machine& machine) {
  return guests_.emplace_back(Guest::Options{.kernel = Kernel::of(machine.kernel),
                                             .name = machine.name,
                                             .logs = scratch_.logs(),
                                             .links = machine.links,
                                             .vhost_user = machine.vhost_user,
                                             .cpus = machine.cpus,
                                             .qemu = machine.qemu});
}

void GuestTest::TearDown() {
  for (Guest& guest : guests_) {
    try {
      if (guest.alive()) guest.settle();
    } catch (const HarnessError& error) {
      ADD_FAILURE() << error.what();
    }
    for (const std::string& line : guest.log().faults()) {
      if (!is_forgiven(line)) ADD_FAILURE() << guest.name() << "'s kernel: " << line;
    }
  }
  if (HasFailure()) std::cerr << "logs: " << scratch_.logs().string() << "\n";
}

std::vector<std::string> all_kernels() { return {"6.1", "6.12"}; }

std::string kernel_name(std::string series) {
  std::replace(series.begin(), series.end(), '.', '_');
  return series;
}

std::string kernel_test_name(const ::testing::TestParamInfo<std::string>& info) {
  return kernel_name(info.param);
}

}  // namespace stratos::guest
