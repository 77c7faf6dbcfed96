// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_filter.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace stratos::runtime {
namespace {

// Run, wait, allocate, log to an open descriptor, crash and end.
constexpr std::string_view kBasic[] = {
    "io_uring_enter",
    "io_uring_register",
    "read",
    "write",
    "close",
    "clock_gettime",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    // The first exception, then what the C library does to complain and to die.
    "futex",
    "writev",
    "rt_sigprocmask",
    "getpid",
    "gettid",
    "tgkill",
    "exit_group",
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    // Of the sanitizer.
    "clock_nanosleep",
    "exit",
    "fstat",
    "getrandom",
    "gettimeofday",
    "lseek",
    "madvise",
    "mremap",
    "newfstatat",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigreturn",
    "sched_yield",
    "sigaltstack",
#endif
};

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// 0, or a negative errno. Where nothing is compared the call is allowed as it is.
template <typename... Comparisons>
int allow(const Filter& filter, std::string_view name, Comparisons... comparisons) {
  const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number < 0) return 0;  // another architecture's
  return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, sizeof...(comparisons),
                          comparisons...);
}

int allow_what_is_harmless(const Filter& filter, std::string_view name) {
  if (name == "socket") return allow(filter, name, SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
  if (name == "mmap" || name == "mprotect") {
    return allow(filter, name, SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  if (name != "clone") return allow(filter, name);
  // The flags of clone3() lie in memory, where a filter sees nothing; without it the C
  // library takes clone().
  const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (error != 0) return error;
  return allow(filter, name, SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
}

int add_rules(const Filter& filter, std::span<const std::string_view> more) {
  for (const auto names : {basic_system_calls(), more}) {
    for (const std::string_view name : names) {
      if (const int error = allow_what_is_harmless(filter, name); error != 0) return error;
    }
  }
  return 0;
}

}  // namespace

std::span<const std::string_view> basic_system_calls() { return kBasic; }

std::expected<void, std::string> restrict_system_calls(std::span<const std::string_view> more,
                                                       Violation violation) {
  const uint32_t action = violation == Violation::kKill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_LOG;
  const Filter filter(seccomp_init(action), seccomp_release);
  if (!filter) return std::unexpected("seccomp: cannot create a filter");
  int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (error == 0) error = add_rules(filter, more);
  if (error == 0) error = seccomp_load(filter.get());
  if (error != 0) return std::unexpected(std::string("seccomp: ") + std::strerror(-error));
  return {};
}

}  // namespace stratos::runtime
