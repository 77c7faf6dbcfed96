// SPDX-License-Identifier: Apache-2.0

#include "single_step.h"

#include <csignal>
#include <stdexcept>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace stratos::test {
namespace {

// False if the child is gone.
bool stopped(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error("the child is lost");
  if (WIFSTOPPED(status)) return true;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("the child failed");
  return false;
}

}  // namespace

std::optional<std::vector<Snapshot>> run_stepwise(std::span<const std::byte> memory,
                                                  const std::function<void()>& code) {
  constexpr int kNoTracing = 99;
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kNoTracing);
    raise(SIGSTOP);
    code();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  std::vector<Snapshot> snapshots{{memory.begin(), memory.end()}};
  do {
    if (std::memcmp(snapshots.back().data(), memory.data(), memory.size()) != 0) {
      snapshots.emplace_back(memory.begin(), memory.end());
    }
    if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) {
      throw std::runtime_error("cannot step");
    }
  } while (stopped(child));
  return snapshots;
}

}  // namespace stratos::test
