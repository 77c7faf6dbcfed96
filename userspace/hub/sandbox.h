// SPDX-License-Identifier: Apache-2.0
// What the hub asks of the kernel once it serves.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace stratos::hub {

// Those beyond what any program needs, by name.
std::span<const std::string_view> system_calls();

// IORING_OP_*; seccomp does not see these.
std::span<const uint8_t> ring_operations();

}  // namespace stratos::hub
