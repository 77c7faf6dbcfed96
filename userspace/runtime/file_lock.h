// SPDX-License-Identifier: Apache-2.0
// A lock on an open file that goes with its last descriptor, wherever that is.

#pragma once

#include <chrono>
#include <system_error>

namespace stratos::runtime {

enum class LockKind { kShared, kExclusive };

// How long the files of a killed process may outlive it: the kernel takes its io_uring
// apart in the background, and what is under way keeps the lock until it is done. A flush
// on a disk that others write to takes seconds.
inline constexpr std::chrono::milliseconds kLockPatience{10'000};

// Locks the open file description of `fd`, as fcntl(F_OFD_SETLK) does; waits for at
// most `patience`. EWOULDBLOCK: another has it.
std::error_code lock_file(int fd, LockKind kind,
                          std::chrono::milliseconds patience = kLockPatience);

}  // namespace stratos::runtime
