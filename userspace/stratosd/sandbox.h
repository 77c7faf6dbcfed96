// SPDX-License-Identifier: Apache-2.0
// Gives up what stratosd needs no more once everything it names is open.

#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "stratosd/config.h"
#include "stratosd/identity.h"

namespace stratos::daemon {

// Those beyond what any program needs, by name.
std::span<const std::string_view> system_calls();

// The IORING_OP_* of every link and host; seccomp does not see these.
std::span<const uint8_t> ring_operations();

// Becomes `identity`, then enters the sandbox that `config` asks for, in which `sockets`
// can still be unlinked. Returns what is in force, for the log; the error is one line.
std::expected<std::string, std::string> give_up_rights(const DaemonConfig& config,
                                                       const Identity& identity,
                                                       std::span<const std::string> sockets);

}  // namespace stratos::daemon
