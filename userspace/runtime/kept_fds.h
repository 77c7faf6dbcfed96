// SPDX-License-Identifier: Apache-2.0
// Descriptors that outlive the process: the service manager keeps them and gives them to
// the next one (systemd's file descriptor store). Elsewhere nothing is kept, and all of
// this does nothing.

#pragma once

#include <string>

#include "runtime/unique_fd.h"

namespace stratos::runtime {

// What a predecessor had kept under `name`; not valid if there is nothing. What was
// passed to the process belongs to the process: there is one list, and one taker each.
UniqueFd take_kept_fd(const std::string& name);

// Closes what nobody took, here and in the keeping of the service manager.
void forget_untaken_fds();

// Has the service manager keep the open file under `name`, until it is forgotten or the
// service is stopped for good. A service manager that reads nothing is waited for once, for a
// second; what it missed is not kept.
void keep_fd(const std::string& name, int fd);
void forget_fd(const std::string& name);

}  // namespace stratos::runtime
