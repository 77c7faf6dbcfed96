// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/landlock.h"
#include "runtime/seccomp_filter.h"

namespace stratos::runtime {
namespace {

bool drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

std::unexpected<std::string> failed(const char* what) {
  return std::unexpected(std::string("cannot ") + what + ": " + std::strerror(errno));
}

}  // namespace

std::expected<std::string, std::string> enter_sandbox(const SandboxRules& rules) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("renounce new privileges");
  auto landlock = restrict_file_system(rules.unlink_in);
  if (!landlock) return std::unexpected(std::move(landlock.error()));
  if (!drop_capabilities()) return failed("drop capabilities");
  auto filtered = restrict_system_calls(rules.system_calls, rules.violation);
  if (!filtered) return std::unexpected(std::move(filtered.error()));
  return std::string("no new privileges, no capabilities, seccomp, ") +
         (*landlock ? "Landlock" : "no Landlock (the kernel has none)");
}

}  // namespace stratos::runtime
