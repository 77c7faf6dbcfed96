// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstdint>

#include "runtime/event_fd.h"

namespace stratos::test {

// Takes back what was rung at `bell`; true if it was. Never blocks, even if somebody made the
// bell blocking.
inline bool drain(const runtime::EventFd& bell) {
  uint64_t count = 0;
  const iovec into{.iov_base = &count, .iov_len = sizeof(count)};
  return preadv2(bell.fd(), &into, 1, -1, RWF_NOWAIT) == static_cast<ssize_t>(sizeof(count));
}

}  // namespace stratos::test
