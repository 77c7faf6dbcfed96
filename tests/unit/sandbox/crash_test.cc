// SPDX-License-Identifier: Apache-2.0
// A process that fails inside the sandbox ends as it would outside: the operator finds the
// message and the signal of the defect, not those of the sandbox.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/bus_error.h"
#include "runtime/sandbox.h"

// The compiler calls it where a function finds its stack frame overwritten.
extern "C" [[noreturn]] void __stack_chk_fail();

namespace stratos::test {
namespace {

struct Crash {
  const char* name;
  void (*happen)();
  int signal;
  const char* message;  // part of it; empty: there is none
};

void touch_lost_memory() {
  constexpr size_t kSize = 4096;
  const int file = memfd_create("lost", MFD_CLOEXEC);
  auto* const lost = static_cast<volatile char*>(
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  *lost = 1;
}

void use_up_memory() {
  std::vector<std::string> pieces;
  for (;;) pieces.emplace_back(size_t{64} << 10, 'x');
}

const Crash kCrashes[] = {
    {"Abort", [] { std::abort(); }, SIGABRT, ""},
    {"Exception", [] { throw std::runtime_error("nobody wants it"); }, SIGABRT, "nobody wants it"},
    {"LibraryCheck", [] { __stack_chk_fail(); }, SIGABRT, "stack smashing"},
    {"OutOfMemory", use_up_memory, SIGABRT, "bad_alloc"},
    {"LostMemory", touch_lost_memory, SIGBUS, ""},
};

void PrintTo(const Crash& crash, std::ostream* out) { *out << crash.name; }

class SandboxedCrash : public ::testing::TestWithParam<Crash> {};
INSTANTIATE_TEST_SUITE_P(Crashes, SandboxedCrash, ::testing::ValuesIn(kCrashes),
                         [](const auto& crash) { return crash.param.name; });

[[noreturn]] void crash_in_sandbox(void (*happen)(), int errors) noexcept {
  constexpr std::string_view kExtra[] = {"memfd_create", "rt_sigaction", "rt_sigreturn"};
  constexpr rlimit kMemory{.rlim_cur = 32 << 20, .rlim_max = 32 << 20};
  setrlimit(RLIMIT_DATA, &kMemory);
  dup2(errors, STDERR_FILENO);
  // Of other memory, so that there is a handler.
  std::array<std::byte, 1> watched{};
  const runtime::BusErrorGuard guard(watched);
  if (runtime::enter_sandbox({.system_calls = kExtra, .unlink_in = {}})) happen();
  _exit(1);
}

TEST_P(SandboxedCrash, EndsAsItWouldOutside) {
  FILE* const errors = std::tmpfile();
  ASSERT_NE(errors, nullptr);
  const pid_t child = fork();
  if (child == 0) crash_in_sandbox(GetParam().happen, fileno(errors));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), GetParam().signal);
  std::array<char, 1024> text{};
  std::rewind(errors);
  static_cast<void>(std::fread(text.data(), 1, text.size() - 1, errors));
  std::fclose(errors);
  EXPECT_NE(std::string(text.data()).find(GetParam().message), std::string::npos) << text.data();
}

}  // namespace
}  // namespace stratos::test
