// SPDX-License-Identifier: Apache-2.0
// System calls as seccomp leaves them.

#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "runtime/sandbox.h"

namespace stratos::runtime {

// What any program around a Loop needs, by name.
std::span<const std::string_view> basic_system_calls();

// Allows the basic system calls, and `more`, to all threads.
std::expected<void, std::string> restrict_system_calls(std::span<const std::string_view> more,
                                                       Violation violation);

}  // namespace stratos::runtime
