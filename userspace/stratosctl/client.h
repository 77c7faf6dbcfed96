// SPDX-License-Identifier: Apache-2.0
// One request to a running stratosd.

#pragma once

#include <chrono>
#include <expected>
#include <string>

#include "control/control_protocol.h"

namespace stratos::ctl {

// Sends `op` to the control socket at `socket` and returns the reply, a line without
// its newline. Waits at most `timeout` for each step. The error is one line for the
// operator.
std::expected<std::string, std::string> ask(const std::string& socket, control::ControlOp op,
                                            std::chrono::milliseconds timeout);

}  // namespace stratos::ctl
