// SPDX-License-Identifier: Apache-2.0
// Each system call that the sandbox allows is one that the program makes in it: whoever adds
// one to a list adds the test that shows what for, and what falls out of use goes.

#include <gtest/gtest.h>
#include <seccomp.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hub/sandbox.h"
#include "runtime/seccomp_filter.h"
#include "sandbox/recorder.h"
#include "stratosd/sandbox.h"

namespace stratos::test {
namespace {

// Two calls that do the same: which one it is, the C library and the processor decide. Nothing
// else is allowed without being seen.
struct Twins {
  std::string_view one;
  std::string_view other;
};
constexpr Twins kTwins[] = {
    {"fstat", "newfstatat"},
    {"readlink", "readlinkat"},
    {"unlink", "unlinkat"},
};

std::string_view twin_of(std::string_view name) {
  for (const auto& [one, other] : kTwins) {
    if (name == one) return other;
    if (name == other) return one;
  }
  return {};
}

bool exists_here(std::string_view name) {
  return seccomp_syscall_resolve_name(std::string(name).c_str()) >= 0;
}

class NeededCalls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (const auto nothing = record({"/bin/true"}, ""); !nothing) no_tracing_ = true;
  }
  void SetUp() override {
    if (no_tracing_) GTEST_SKIP() << "this machine does not let us trace a child";
    // Both programs run out of memory and crash in the same way.
    observe(SANDBOXED_TEST, {SANDBOXED_TEST});
  }

  // The tests in `command` have to succeed.
  void observe(const std::string& program, const std::vector<std::string>& command) {
    const auto recording = record(command, program);
    ASSERT_TRUE(recording);
    ASSERT_EQ(recording->exit_code, 0) << recording->output;
    ASSERT_FALSE(recording->calls.empty()) << command[0] << " does not run " << program;
    seen_.insert(recording->calls.begin(), recording->calls.end());
  }

  void expect_all_needed(std::span<const std::string_view> calls) const {
    for (const std::string_view call : calls) {
      if (!exists_here(call)) continue;
      const std::string_view twin = twin_of(call);
      EXPECT_TRUE(seen(call) || seen(twin)) << call << " is allowed, and no test needs it";
      EXPECT_FALSE(seen(call) && seen(twin)) << call << " and " << twin << " are no twins";
    }
  }

 private:
  bool seen(std::string_view call) const { return seen_.contains(std::string(call)); }

  static inline bool no_tracing_ = false;
  std::set<std::string> seen_;
};

TEST_F(NeededCalls, HubMakesEach) {
  observe(STRATOS_HUB_PATH, {HUB_TEST, "--gtest_filter=HubProcess.*"});
  expect_all_needed(runtime::basic_system_calls());
  expect_all_needed(hub::system_calls());
}

TEST_F(NeededCalls, StratosdMakesEach) {
  observe(STRATOSD_PATH, {STRATOSD_END_TO_END_TEST});
  observe(STRATOSD_PATH, {VHOST_USER_STRATOSD_TEST});
  observe(STRATOSD_PATH, {VHOST_USER_KILL_TEST, "--gtest_filter=*Rpmb*"});
  expect_all_needed(runtime::basic_system_calls());
  expect_all_needed(daemon::system_calls());
}

}  // namespace
}  // namespace stratos::test
