// SPDX-License-Identifier: Apache-2.0
#include "runtime/nonblocking.h"

#include <fcntl.h>

#include <cerrno>

namespace stratos::runtime {

std::expected<void, std::error_code> set_nonblocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return std::unexpected(std::error_code(errno, std::system_category()));
  if ((flags & O_NONBLOCK) != 0) return {};
  if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    return std::unexpected(std::error_code(errno, std::system_category()));
  }
  return {};
}

}  // namespace stratos::runtime
