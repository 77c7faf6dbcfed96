// SPDX-License-Identifier: Apache-2.0
#include "runtime/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace stratos::runtime {

std::expected<std::unique_ptr<Signals>, std::error_code> Signals::watch(
    Loop& loop, std::initializer_list<int> signals, std::function<void(int)> callback) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return std::unexpected(std::error_code(error, std::system_category()));
  }
  UniqueFd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return std::unexpected(std::error_code(errno, std::system_category()));
  return std::unique_ptr<Signals>(new Signals(loop, std::move(fd), std::move(callback)));
}

Signals::Signals(Loop& loop, UniqueFd fd, std::function<void(int)> callback)
    : fd_(std::move(fd)),
      callback_(std::move(callback)),
      watch_(loop, fd_.get(), POLLIN, [this](int32_t) { drain(); }) {}

void Signals::drain() {
  signalfd_siginfo info{};
  while (read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    callback_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace stratos::runtime
