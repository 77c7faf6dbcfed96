// SPDX-License-Identifier: Apache-2.0
#include "runtime/worker.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

namespace stratos::runtime {

// Of both threads; goes with the last of them.
struct Worker::Shared {
  enum class State : uint8_t { kIdle, kWanted, kRunning, kDone };

  Shared(std::shared_ptr<Task> what, EventFd doorbell)
      : task(std::move(what)), bell(std::move(doorbell)) {}

  void serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (changed.wait(lock, stop, [this] { return state == State::kWanted; })) {
      state = State::kRunning;
      lock.unlock();
      task->run();
      lock.lock();
      state = State::kDone;
      bell.ring();
    }
  }

  const std::shared_ptr<Task> task;
  const EventFd bell;  // somebody has set kDone
  std::mutex mutex;
  std::condition_variable_any changed;
  State state = State::kIdle;
};

std::expected<std::unique_ptr<Worker>, std::error_code> Worker::create(Loop& loop,
                                                                       std::shared_ptr<Task> task,
                                                                       std::function<void()> done) {
  auto bell = EventFd::create();
  if (!bell) return std::unexpected(bell.error());
  return std::unique_ptr<Worker>(new Worker(
      loop, std::make_shared<Shared>(std::move(task), std::move(*bell)), std::move(done)));
}

Worker::Worker(Loop& loop, std::shared_ptr<Shared> shared, std::function<void()> done)
    : shared_(std::move(shared)),
      done_(std::move(done)),
      watch_(loop, shared_->bell, [this] { rung(); }) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  bool running = false;
  {
    const std::lock_guard lock(shared_->mutex);
    running = shared_->state == Shared::State::kRunning;
    if (!running) shared_->state = Shared::State::kIdle;
  }
  thread_.request_stop();
  if (running) thread_.detach();
}

std::expected<void, std::error_code> Worker::start() {
  try {
    thread_ =
        std::jthread([shared = shared_](const std::stop_token& stop) { shared->serve(stop); });
  } catch (const std::system_error& error) {
    return std::unexpected(error.code());
  }
  return {};
}

void Worker::run() {
  const std::lock_guard lock(shared_->mutex);
  shared_->state = Shared::State::kWanted;
  shared_->changed.notify_one();
}

void Worker::rung() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->state != Shared::State::kDone) return;
    shared_->state = Shared::State::kIdle;
  }
  done_();
}

}  // namespace stratos::runtime
