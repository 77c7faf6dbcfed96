// SPDX-License-Identifier: Apache-2.0
// What a process in the sandbox can still do, and what ends it.
#include "runtime/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "hub/scratch_directory.h"

namespace stratos::runtime {
namespace {

constexpr std::string_view kExtra[] = {"getuid", "socket", "unlink"};
constexpr int kNoSandbox = 100;

// How a child ended that entered the sandbox and then did `what`: its exit code, or minus
// the signal.
template <typename What>
int outcome(What what, const std::string& directory = "/tmp") {
  const pid_t child = fork();
  if (child == 0) {
    const std::string unlink_in[] = {directory};
    if (!enter_sandbox({.system_calls = kExtra, .unlink_in = unlink_in})) _exit(kNoSandbox);
    _exit(what());
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return kNoSandbox;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct Forbidden {
  const char* name;
  int (*attempt)();
};

const Forbidden kForbidden[] = {
    {"Open", [] { return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 1; }},
    {"Execute", [] { return execl("/bin/true", "true", nullptr); }},
    {"Fork", [] { return fork() >= 0 ? 0 : 1; }},
    {"Trace", [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1; }},
    {"Mount",
     [] { return static_cast<int>(syscall(SYS_mount, "none", "/", "tmpfs", 0, nullptr)); }},
    {"LoadModule", [] { return static_cast<int>(syscall(SYS_init_module, nullptr, 0, "")); }},
    {"InternetSocket", [] { return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1; }},
    {"ExecutableMemory",
     [] {
       void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return memory != MAP_FAILED ? 0 : 1;
     }},
    {"AnotherRing",
     [] {
       std::array<char, 256> parameters{};
       return static_cast<int>(syscall(SYS_io_uring_setup, 1, parameters.data()));
     }},
    {"KillSomebody", [] { return kill(getppid(), 0); }},
};

TEST(Sandbox, WhatIsNotAllowedEndsTheProcess) {
  for (const Forbidden& forbidden : kForbidden) {
    EXPECT_EQ(outcome(forbidden.attempt), -SIGSYS) << forbidden.name;
  }
}

TEST(Sandbox, WhatIsAllowedWorks) {
  EXPECT_EQ(outcome([] { return static_cast<int>(getuid() & 0); }), 0);
  EXPECT_EQ(outcome([] { return static_cast<int>(geteuid() & 0); }), -SIGSYS) << "not asked for";
  EXPECT_EQ(outcome([] { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1; }), 0);
  EXPECT_EQ(outcome([] { return write(STDERR_FILENO, "", 0) == 0 ? 0 : 1; }), 0);
}

TEST(Sandbox, FilesAreRemovedWhereTheyMayBeAndNowhereElse) {
  const hub::ScratchDirectory inside;
  const hub::ScratchDirectory outside;
  for (const auto* directory : {&inside, &outside}) {
    std::ofstream(directory->file("socket")) << "x";
  }
  EXPECT_EQ(outcome([&] { return unlink(inside.file("socket").c_str()); }, inside.file("")), 0);
  const int result = outcome(
      [&] {
        if (unlink(outside.file("socket").c_str()) == 0) return 1;
        return errno == EACCES ? 0 : 2;
      },
      inside.file(""));
  if (result == 1) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace stratos::runtime
