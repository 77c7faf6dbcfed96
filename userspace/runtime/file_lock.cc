// SPDX-License-Identifier: Apache-2.0
#include "runtime/file_lock.h"

#include <fcntl.h>

#include <cerrno>

namespace stratos::runtime {

std::error_code lock_file(int fd, LockKind kind, std::chrono::milliseconds patience) {
  struct flock request {};
  request.l_type = kind == LockKind::kExclusive ? F_WRLCK : F_RDLCK;
  request.l_whence = SEEK_SET;
  std::error_code result;
  // There is no fcntl() that waits with a limit.
  const auto locked_or_failed = [&] {
    if (fcntl(fd, F_OFD_SETLK, &request) == 0) return true;
    const bool taken = errno == EAGAIN || errno == EACCES;
    if (!taken) result = {errno, std::system_category()};
    return !taken;
  };
  if (!outwait(locked_or_failed, patience)) return {EWOULDBLOCK, std::system_category()};
  return result;
}

}  // namespace stratos::runtime
