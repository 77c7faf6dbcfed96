// SPDX-License-Identifier: Apache-2.0
// Two connected sockets that keep datagrams apart, as a CAN socket does.

#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/unique_fd.h"

namespace stratos::test {

struct SocketPair {
  SocketPair() {
    int fds[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours = runtime::UniqueFd(fds[0]);
    theirs = runtime::UniqueFd(fds[1]);
    // The least that there is: like the queue of an interface, it is full after a few.
    const int least = 1;
    EXPECT_EQ(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
  }
  // As the other side.
  bool write(std::span<const std::byte> bytes) const {
    return ::write(theirs.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }
  // The next datagram from our side, or nothing.
  std::vector<std::byte> read() const {
    std::vector<std::byte> bytes(128);
    const ssize_t size = ::read(theirs.get(), bytes.data(), bytes.size());
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return bytes;
  }

  runtime::UniqueFd ours;
  runtime::UniqueFd theirs;
};

}  // namespace stratos::test
