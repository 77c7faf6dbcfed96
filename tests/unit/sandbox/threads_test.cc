// SPDX-License-Identifier: Apache-2.0
// Threads in the sandbox that wait for each other.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <semaphore>
#include <string_view>
#include <thread>

#include "runtime/sandbox.h"

namespace stratos::test {
namespace {

constexpr std::string_view kExtra[] = {
    "clone", "exit", "madvise", "rseq", "rt_sigaction", "sched_yield", "set_robust_list",
};

// Each waits for the other, so often that one of them is bound to be late. A stop callback
// waits in this way, too, for whoever stops a Worker.
void take_turns() {
  constexpr int kRounds = 1000;
  std::binary_semaphore ours{0};
  std::binary_semaphore theirs{0};
  const std::jthread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      ours.release();
      theirs.acquire();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    ours.acquire();
    theirs.release();
  }
}

TEST(SandboxedThreads, TakeTurns) {
  const pid_t child = fork();
  if (child == 0) {
    if (!runtime::enter_sandbox({.system_calls = kExtra, .unlink_in = {}})) _exit(1);
    take_turns();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace stratos::test
