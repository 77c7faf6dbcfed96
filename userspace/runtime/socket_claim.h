// SPDX-License-Identifier: Apache-2.0
// The right to a socket path, and the socket.
//
// A lock file "<path>.lock" says who lives: its lock goes with its process, so a
// socket file whose lock is free is left over and may be replaced. Asking the socket
// itself would take a seat away from a guest that starts just then.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <string>

#include "runtime/afterlife.h"
#include "runtime/unique_fd.h"

namespace stratos::runtime {

class SocketClaim {
 public:
  // Fails if a live process has the path, or if it is no socket. A socket that has no lock and
  // is listened at is waited for, for at most `patience`. Changes nothing that another process
  // could see but the lock file.
  static std::expected<SocketClaim, std::string> claim(
      const std::string& path, std::chrono::milliseconds patience = kAfterlife);

  // Binds and listens; the socket file has owner, group and mode from its first
  // moment on. Does not block.
  std::expected<UniqueFd, std::string> listen(uid_t owner, gid_t group, mode_t mode);

  SocketClaim(SocketClaim&& other) noexcept;
  SocketClaim& operator=(SocketClaim&&) = delete;
  // Unlinks the socket, if listen() made one, and the lock file.
  ~SocketClaim();

  const std::string& path() const { return path_; }

 private:
  SocketClaim(std::string path, UniqueFd lock);

  std::string path_;
  UniqueFd lock_;
  bool bound_ = false;
};

}  // namespace stratos::runtime
