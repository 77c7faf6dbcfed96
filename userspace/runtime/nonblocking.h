// SPDX-License-Identifier: Apache-2.0
// Every descriptor that comes near the ring is non-blocking.
//
// An io_uring request on a blocking eventfd goes to a kernel worker thread: 30
// microseconds instead of half a one. Descriptors that came from a peer may be
// blocking, so whoever receives one calls this first.

#pragma once

#include <expected>
#include <system_error>

namespace stratos::runtime {

// Sets O_NONBLOCK on the open file behind `fd`. Note that everybody who shares the
// open file sees it.
std::expected<void, std::error_code> set_nonblocking(int fd);

}  // namespace stratos::runtime
