// SPDX-License-Identifier: Apache-2.0
// The io_uring loop: one thread, one ring, one blocking point.
//
// Everything that the helper waits for is an Operation: a read of a doorbell, a
// frame on a socket, a timer, a signal. Operations are owned by whoever submits
// them and must stay alive until their completion ran; cancel() hastens that.

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

class Loop {
 public:
  struct Options {
    uint32_t entries = 256;
    // How long to look for work before sleeping once there was some; 0 sleeps at
    // once.
    std::chrono::nanoseconds poll_time{0};
  };
  static std::expected<std::unique_ptr<Loop>, std::string> create(const Options& options);
  ~Loop();

  // A submission entry for `operation`, already tagged; the caller fills in the
  // request with io_uring_prep_*() and leaves user_data alone.
  io_uring_sqe* prepare(Operation& operation);
  // Asks the kernel to give `operation` up; its completion still runs.
  void cancel(Operation& operation);

  void add_hook(TurnHook& hook);
  void remove_hook(TurnHook& hook);

  // Monotonic nanoseconds, read once per turn.
  uint64_t now() const;

  // Runs turns until stop().
  void run();
  // One turn; `wait` false never blocks.
  void turn(bool wait);
  void stop();

 private:
  struct Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stratos::runtime
