// SPDX-License-Identifier: Apache-2.0
// What the machine allows: the round trip of two threads that do nothing but wake
// each other. Every latency of ours is said as a ratio to one of these.

#pragma once

#include "latencies.h"

namespace stratos::bench {

// Both sides sleep in a blocking read of an eventfd.
Latencies eventfd_ping_pong(size_t rounds);
// Both sides spin on a cache line of their own that the other writes.
Latencies cache_line_ping_pong(size_t rounds);

}  // namespace stratos::bench
