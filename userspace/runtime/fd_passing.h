// SPDX-License-Identifier: Apache-2.0
// Descriptors that travel with bytes over a Unix socket (SCM_RIGHTS).

#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/unique_fd.h"

namespace stratos::runtime {

// What one recvmsg() can bring; further ones are closed by the kernel and reported as cut.
inline constexpr size_t kMaxPassedFds = 8;

struct SendOptions {
  std::span<const std::byte> address{};  // a sockaddr; empty where the socket is connected
  bool wait = false;                     // for room, as long as SO_SNDTIMEO says
};

// As sendmsg(), without SIGPIPE; `fd` goes along unless it is -1.
ssize_t send_with_fd(int socket, std::span<const iovec> pieces, int fd,
                     const SendOptions& options = {});

struct ReceivedFds {
  ssize_t bytes = 0;  // as recvmsg() returns it, with errno
  bool cut = false;   // there were more descriptors than kMaxPassedFds
};
// Receives bytes without blocking; descriptors that come along, with close-on-exec, are
// added to `fds`, also if they are too many for the caller.
ReceivedFds receive_with_fds(int socket, std::span<std::byte> into, std::vector<UniqueFd>& fds);

}  // namespace stratos::runtime
