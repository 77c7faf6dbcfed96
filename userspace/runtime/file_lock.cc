// SPDX-License-Identifier: Apache-2.0
#include "runtime/file_lock.h"

#include <fcntl.h>

#include <cerrno>
#include <thread>

namespace stratos::runtime {
namespace {

constexpr std::chrono::milliseconds kProbeInterval{10};

}  // namespace

std::error_code lock_file(int fd, LockKind kind, std::chrono::milliseconds patience) {
  struct flock request {};
  request.l_type = kind == LockKind::kExclusive ? F_WRLCK : F_RDLCK;
  request.l_whence = SEEK_SET;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (fcntl(fd, F_OFD_SETLK, &request) != 0) {
    // There is no fcntl() that waits with a limit.
    const bool taken = errno == EAGAIN || errno == EACCES;
    if (!taken) return {errno, std::system_category()};
    if (std::chrono::steady_clock::now() >= deadline) return {EWOULDBLOCK, std::system_category()};
    std::this_thread::sleep_for(kProbeInterval);
  }
  return {};
}

}  // namespace stratos::runtime
