// SPDX-License-Identifier: Apache-2.0
// How a ring comes to be: the best set of flags that this kernel takes.

#pragma once

#include <liburing.h>

#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace stratos::runtime {

// Sets `ring` up by trial: completions run only when we wait for them (6.1), else
// without interrupting us (5.19), else plainly. `allowed_operations` as in
// Loop::Options. The error says what an administrator has to do.
std::expected<void, std::string> set_up_ring(io_uring& ring, uint32_t entries,
                                             std::span<const uint8_t> allowed_operations);

// Why io_uring_setup() failed with `error` (positive), and what to do about it.
std::string explain_ring_error(int error);

}  // namespace stratos::runtime
