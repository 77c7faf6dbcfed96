// SPDX-License-Identifier: Apache-2.0
// One thread, for a system call that blocks and that io_uring does not have. Everything
// else stays in the loop's thread.

#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>

#include "runtime/event_fd.h"
#include "runtime/loop.h"

namespace stratos::runtime {

class Worker {
 public:
  // What the thread does. It logs nothing and touches nothing of the loop.
  class Task {
   public:
    virtual ~Task() = default;
    virtual void run() = 0;
  };

  // `done` is called in the loop's turn after each run. `task` belongs to the thread while
  // it runs, and to the caller otherwise.
  static std::expected<std::unique_ptr<Worker>, std::error_code> create(Loop& loop,
                                                                        std::shared_ptr<Task> task,
                                                                        std::function<void()> done);
  // A task that runs is left alone with what it needs: it may hang, and nothing waits for
  // it but, in the kernel, the end of the process.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread, once. A program with a sandbox enters it before: what a thread gives
  // up there, those that it starts later have given up, but others have not. Signals that
  // are blocked here are blocked there.
  std::expected<void, std::error_code> start();
  // Has the task run once; not again before `done`.
  void run();

 private:
  struct Shared;

  Worker(Loop& loop, std::shared_ptr<Shared> shared, std::function<void()> done);
  void rung();

  const std::shared_ptr<Shared> shared_;
  const std::function<void()> done_;
  EventFdWatch watch_;
  std::jthread thread_;
};

}  // namespace stratos::runtime
