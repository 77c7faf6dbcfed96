// SPDX-License-Identifier: Apache-2.0
#include "stratosd/sandbox.h"

#include <liburing.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/sandbox.h"

namespace stratos::daemon {
namespace {

constexpr uint8_t kRingOperations[] = {
    IORING_OP_POLL_ADD,         // doorbells, clients, signals
    IORING_OP_TIMEOUT,          // timers
    IORING_OP_RECVMSG,          // frames of a CAN interface
    IORING_OP_PROVIDE_BUFFERS,  // where they go
    IORING_OP_SEND,             // frames to a CAN interface
    IORING_OP_WRITE,            // the record of a virtual bus, and the store of an RPMB
    IORING_OP_FSYNC,            // ... which is durable before it is acknowledged
};

constexpr std::string_view kSystemCalls[] = {
    // Clients of the control socket.
    "accept4",
    "recvfrom",
    "sendto",
    "shutdown",
    // A hub that was restarted: connect, receive descriptors, check and map them.
    "socket",
    "connect",
    "getsockopt",
    "setsockopt",
    "recvmsg",
    "fcntl",
    "fstat",
    "newfstatat",
    "readlink",
    "readlinkat",
    // A front-end that speaks vhost-user: memory for it to keep, and the state of a device on
    // its way.
    "memfd_create",
    "ftruncate",
    "pipe2",
    "splice",
    // Memory that it takes away: the handler of SIGBUS. The first thread sets one, too.
    "rt_sigaction",
    "rt_sigreturn",
    // The service manager.
    "sendmsg",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    // The state of a CAN interface; a chip.
    "ioctl",
    // A thread for what blocks: it begins, waits and ends.
    "clone",
    "set_robust_list",
    "rseq",
    "sched_yield",
    "madvise",
    "exit",
    // Sealing the store of an RPMB.
    "getrandom",
    // The last of a record.
    "pwrite64",
    // The control socket and its lock, at the end.
    "unlink",
    "unlinkat",
};

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

std::span<const std::string_view> system_calls() { return kSystemCalls; }

std::span<const uint8_t> ring_operations() { return kRingOperations; }

std::expected<std::string, std::string> give_up_rights(const DaemonConfig& config,
                                                       const Identity& identity,
                                                       std::span<const std::string> sockets) {
  if (auto assumed = identity.assume(); !assumed) {
    return std::unexpected(std::move(assumed.error()));
  }
  if (config.sandbox == Sandbox::kOff) return "no sandbox";
  std::vector<std::string> unlink_in;
  std::ranges::transform(sockets, std::back_inserter(unlink_in), parent_of);
  return runtime::enter_sandbox({
      .system_calls = system_calls(),
      .unlink_in = unlink_in,
      .violation =
          config.sandbox == Sandbox::kLog ? runtime::Violation::kLog : runtime::Violation::kKill,
  });
}

}  // namespace stratos::daemon
