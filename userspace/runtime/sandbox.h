// SPDX-License-Identifier: Apache-2.0
// Gives up, for good, everything that a process does not need once it has started.

#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace stratos::runtime {

// What happens to a system call that is not on the list.
enum class Violation : uint8_t {
  kKill,  // the process dies, and the audit log says why
  kLog,   // only the audit log says so: to find out what a list lacks
};

struct SandboxRules {
  // Names of system calls beyond what any program around a Loop needs to run and to
  // end; names that this architecture does not have are skipped. socket() is limited
  // to AF_UNIX, clone() to threads, mmap() and mprotect() to memory that is not executable.
  std::span<const std::string_view> system_calls;
  // Directories in which files may be unlinked. Landlock allows nothing else in the
  // file system; descriptors that are open stay usable.
  std::span<const std::string> unlink_in;
  Violation violation = Violation::kKill;
};

// No new privileges, no capabilities, Landlock where the kernel has it, seccomp.
// Returns what is in force, for the log.
std::expected<std::string, std::string> enter_sandbox(const SandboxRules& rules);

}  // namespace stratos::runtime
