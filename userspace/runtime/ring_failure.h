// SPDX-License-Identifier: Apache-2.0
// Requests that the kernel refused: not what a peer did, but a ring that was restricted
// too far, or a kernel out of memory. It must not pass in silence.

#pragma once

#include <cstdint>

namespace stratos::runtime {

// Logs that `what` failed with `result`, a negative errno.
void log_ring_failure(const char* what, int32_t result);

}  // namespace stratos::runtime
