// SPDX-License-Identifier: Apache-2.0
// A lock on an open file that goes with its last descriptor, wherever that is.

#pragma once

#include <chrono>
#include <system_error>

#include "runtime/afterlife.h"

namespace stratos::runtime {

enum class LockKind { kShared, kExclusive };

// Locks the open file description of `fd`, as fcntl(F_OFD_SETLK) does; waits for at
// most `patience`. EWOULDBLOCK: another has it.
std::error_code lock_file(int fd, LockKind kind, std::chrono::milliseconds patience = kAfterlife);

}  // namespace stratos::runtime
