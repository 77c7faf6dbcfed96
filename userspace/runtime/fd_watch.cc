// SPDX-License-Identifier: Apache-2.0
#include "runtime/fd_watch.h"

#include <liburing.h>

#include <utility>

#include "runtime/ring_failure.h"

namespace stratos::runtime {

struct FdWatch::State final : OwnedOperation {
  State(Loop& owning_loop, int watched_fd, uint32_t watched_events, Callback watch_callback)
      : loop(owning_loop),
        fd(watched_fd),
        events(watched_events),
        callback(std::move(watch_callback)) {
    arm();
  }

  void arm() { io_uring_prep_poll_multishot(loop.prepare(*this), fd, events); }

  void on_complete(int32_t result, uint32_t flags) override {
    // The kernel may end a multishot poll at any time, a full completion queue for
    // one. Arming looks at the descriptor anew, so nothing is lost.
    if (result >= 0 && (flags & IORING_CQE_F_MORE) == 0) arm();
    if (result < 0) log_ring_failure("watch a descriptor", result);
    callback(result);
  }

  Loop& loop;
  int fd;
  uint32_t events;
  Callback callback;
};

FdWatch::FdWatch(Loop& loop, int fd, uint32_t events, Callback callback)
    : loop_(loop), state_(std::make_unique<State>(loop, fd, events, std::move(callback))) {}

FdWatch::~FdWatch() { loop_.retire(std::move(state_)); }

}  // namespace stratos::runtime
