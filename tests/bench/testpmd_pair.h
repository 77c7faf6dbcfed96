// SPDX-License-Identifier: Apache-2.0
// The peer of the polled path: Debian's dpdk-testpmd as vhost-user backend and as
// virtio-user frontend, both polling, each pinned to a CPU, in the same run as ours.

#pragma once

#include <expected>
#include <string>

namespace stratos::bench {

// `packets` circulate between the two; returns how many come back per second, the
// median of several seconds. With one packet this is the rate of round trips.
std::expected<double, std::string> testpmd_packets_per_second(unsigned packets);

}  // namespace stratos::bench
