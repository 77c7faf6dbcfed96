// SPDX-License-Identifier: Apache-2.0
// Tells when a descriptor has something: armed once, reported many times.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "runtime/loop.h"

namespace stratos::runtime {

// Reports edges: after a call, read or accept until EAGAIN. May report with nothing
// there. The descriptor stays the caller's; closing it takes effect for the peer
// once the watch is gone too, so shut a socket down before.
class FdWatch {
 public:
  // `result` is a set of POLL* bits, or a negative errno after which the watch is
  // over. The callback may destroy the watch.
  using Callback = std::function<void(int32_t result)>;

  // `events` are POLL* bits; POLLERR and POLLHUP are always reported.
  FdWatch(Loop& loop, int fd, uint32_t events, Callback callback);
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

 private:
  struct State;
  Loop& loop_;
  std::unique_ptr<State> state_;
};

}  // namespace stratos::runtime
