// SPDX-License-Identifier: Apache-2.0
// The io_uring loop: one thread, one ring, one blocking point.
//
// Everything that the helper waits for is an Operation: a read of a doorbell, a
// frame on a socket, a timer, a signal. Operations are owned by whoever submits
// them and must stay alive until their completion ran; cancel() hastens that. An
// owner that cannot wait makes it an OwnedOperation and hands it to retire().
//
// Most callers want a wrapper and no Operation: timer.h, fd_watch.h, event_fd.h,
// signals.h.

#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

struct io_uring_sqe;

namespace stratos::runtime {

// Something submitted to the ring. Intrusive: no allocation per submission.
class Operation {
 public:
  // `result` and `flags` are those of the completion queue entry. Multishot
  // operations complete many times; the last one lacks IORING_CQE_F_MORE.
  virtual void on_complete(int32_t result, uint32_t flags) = 0;
  bool pending() const { return pending_; }

 protected:
  Operation() = default;
  ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  friend class Loop;
  bool pending_ = false;
  bool retired_ = false;
};

// An operation that may outlive its owner, in the hands of the loop.
class OwnedOperation : public Operation {
 public:
  virtual ~OwnedOperation() = default;
};

// Called at the end of each turn, after all completions of that turn ran and
// before the loop may sleep.
class TurnHook {
 public:
  // Publish what the turn produced. Returns true if there is more work right
  // now, so that the loop must not sleep.
  virtual bool on_turn_end() = 0;
  // The loop is about to sleep: ask peers to ring. Returns false if work showed
  // up meanwhile; the loop then starts another turn.
  virtual bool on_sleep() { return true; }

 protected:
  ~TurnHook() = default;
};

// Belongs to the thread that created it; no call may come from another.
class Loop {
 public:
  struct Options {
    uint32_t entries = 256;
    // How long to look for a request before sleeping, when one is due (adaptive_poll.h);
    // 0 sleeps at once.
    std::chrono::nanoseconds poll_time{0};
    // IORING_OP_* that the ring accepts from now on, for good; empty accepts all.
    // Cancelling is always allowed. Seccomp does not see these operations.
    std::span<const uint8_t> allowed_operations{};
  };
  // What the loop did so far.
  struct Counters {
    uint64_t turns = 0;
    uint64_t completions = 0;
    uint64_t system_calls = 0;  // io_uring_enter()
    uint64_t sleeps = 0;        // of which may have blocked
  };

  // The error says what to do about it, in one line.
  static std::expected<std::unique_ptr<Loop>, std::string> create(const Options& options);
  // Gives up what is pending; no completion runs any more.
  ~Loop();

  // A submission entry for `operation`, already tagged; the caller fills in the
  // request with io_uring_prep_*() and leaves user_data alone. `operation` must not
  // be pending. Never null.
  io_uring_sqe* prepare(Operation& operation);
  // Makes room, so that the requests of the next `count` calls of prepare() reach the
  // kernel together, as a chain of linked requests must. `count` is at most 16.
  void reserve(uint32_t count);
  // Asks the kernel to give `operation` up; its completion still runs.
  void cancel(Operation& operation);
  // Takes over an operation whose owner goes away: cancels it, never calls it
  // again, and destroys it once the kernel is done with it. May be called from the
  // operation's own on_complete().
  void retire(std::unique_ptr<OwnedOperation> operation);

  // Hooks may be added and removed at any time, also from a hook.
  void add_hook(TurnHook& hook);
  void remove_hook(TurnHook& hook);

  // From a completion or a hook: somebody wants something now, and nobody knew when. The
  // loop looks for the next one when it is due. Not for what a clock causes.
  void note_request();

  // Monotonic nanoseconds, read once per turn.
  uint64_t now() const;
  const Counters& counters() const;

  // Runs turns until stop().
  void run();
  // One turn; `wait` false never blocks.
  void turn(bool wait);
  // From a completion or a hook: run() returns at the end of this turn. Before
  // run(): it returns after its first turn, which does not block.
  void stop();

 private:
  struct Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  static void complete(Impl& impl, uint64_t user_data, int32_t result, uint32_t flags);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stratos::runtime
