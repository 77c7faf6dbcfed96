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
    "preadv2",
    "io_uring_register",
    "read",
    "write",
    "writev",
    "close",
    "fstat",
    "newfstatat",
    "lseek",
    "futex",
    "sched_yield",
    "clock_gettime",
    "clock_nanosleep",
    "gettimeofday",
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "getrandom",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "restart_syscall",
    "getpid",
    "gettid",
    "tgkill",
    "exit",
    "exit_group",
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

int add_rules(const Filter& filter, std::span<const std::string_view> more) {
  int error = 0;
  const auto keep = [&error](int result) {
    if (error == 0) error = result;
  };
  for (const std::string_view name : kBasic) keep(allow(filter, name));
  for (const std::string_view name : more) {
    if (name == "socket") {
      keep(allow(filter, name, SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX)));
    } else if (name == "clone") {
      keep(allow(filter, name, SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)));
      // Its flags lie in memory, where a filter sees nothing; without it the C library
      // takes clone().
      keep(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
    } else if (name != "mmap" && name != "mprotect") {
      keep(allow(filter, name));
    }
  }
  for (const std::string_view name : {"mmap", "mprotect"}) {
    keep(allow(filter, name, SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
  }
  return error;
}

}  // namespace

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
