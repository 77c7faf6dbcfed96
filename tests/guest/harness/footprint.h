// SPDX-License-Identifier: Apache-2.0
// Memory that only a leak makes grow.

#pragma once

#include <sys/types.h>

#include "harness/guest.h"

namespace stratos::guest {

// KiB of a guest's kernel that nobody can reclaim.
long kernel_memory_kib(Guest& guest);

// KiB that a process on this machine has to itself: neither files nor regions.
long own_memory_kib(pid_t process);

}  // namespace stratos::guest
