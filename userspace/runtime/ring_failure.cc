// SPDX-License-Identifier: Apache-2.0
#include "runtime/ring_failure.h"

#include <cerrno>
#include <cstring>

#include "runtime/log.h"

namespace stratos::runtime {

void log_ring_failure(const char* what, int32_t result) {
  static thread_local Log log("io_uring");
  const char* hint = result == -EACCES ? " (not among the operations that the ring allows)" : "";
  log.error("cannot {}: {}{}", what, std::strerror(-result), hint);
}

}  // namespace stratos::runtime
