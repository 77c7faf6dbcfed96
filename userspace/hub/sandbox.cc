// SPDX-License-Identifier: Apache-2.0
#include "hub/sandbox.h"

#include <liburing.h>

namespace stratos::hub {
namespace {

// Watching descriptors and timing is all that the hub asks of the ring.
constexpr uint8_t kRingOperations[] = {IORING_OP_POLL_ADD, IORING_OP_TIMEOUT};

// Serving clients; talking to systemd (which wants the ids); unlinking at the end.
constexpr std::string_view kSystemCalls[] = {
    "accept4",  "getegid", "geteuid",  "getgid", "getuid", "getsockopt", "setsockopt",
    "recvfrom", "sendmsg", "shutdown", "socket", "unlink", "unlinkat",
};

}  // namespace

std::span<const std::string_view> system_calls() { return kSystemCalls; }

std::span<const uint8_t> ring_operations() { return kRingOperations; }

}  // namespace stratos::hub
