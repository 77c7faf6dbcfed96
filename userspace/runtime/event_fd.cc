// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_fd.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>

#include "runtime/nonblocking.h"
#include "runtime/ring_failure.h"

namespace stratos::runtime {
namespace {

// Anything else that a peer could pass off as a bell (a file, a pipe, a terminal)
// would do something when written to.
bool is_eventfd(int fd) {
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  std::array<char, 64> target{};
  const ssize_t size = readlink(link.data(), target.data(), target.size());
  return size > 0 &&
         std::string_view(target.data(), static_cast<size_t>(size)) == "anon_inode:[eventfd]";
}

}  // namespace

std::expected<EventFd, std::error_code> EventFd::create() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return std::unexpected(std::error_code(errno, std::system_category()));
  return EventFd(std::move(fd));
}

std::expected<EventFd, std::error_code> EventFd::adopt(UniqueFd fd) {
  if (!is_eventfd(fd.get())) {
    return std::unexpected(std::make_error_code(std::errc::bad_file_descriptor));
  }
  if (auto done = set_nonblocking(fd.get()); !done) return std::unexpected(done.error());
  return EventFd(std::move(fd));
}

void EventFd::ring() const {
  const uint64_t one = 1;
  // EAGAIN means that the counter is full: the peer has a ring to find already.
  [[maybe_unused]] const ssize_t written = write(fd_.get(), &one, sizeof(one));
}

struct EventFdRinger::State final : OwnedOperation {
  State(Loop& owning_loop, EventFd owned_bell) : loop(owning_loop), bell(std::move(owned_bell)) {}

  void ring() {
    if (pending()) {
      again = true;
    } else {
      io_uring_prep_write(loop.prepare(*this), bell.fd(), &one, sizeof(one), 0);
    }
  }

  void on_complete(int32_t result, uint32_t /*flags*/) override {
    // A full counter (EAGAIN) is a ring that the peer has yet to find.
    if (result < 0 && result != -EAGAIN) log_ring_failure("ring a doorbell", result);
    if (std::exchange(again, false)) ring();
  }

  Loop& loop;
  EventFd bell;        // open until the kernel has seen the last ring
  bool again = false;  // rung while the last ring was still under way
  uint64_t one = 1;
};

EventFdRinger::EventFdRinger(Loop& loop, EventFd bell)
    : loop_(loop), state_(std::make_unique<State>(loop, std::move(bell))) {}

EventFdRinger::~EventFdRinger() { loop_.retire(std::move(state_)); }

void EventFdRinger::ring() { state_->ring(); }

EventFdWatch::EventFdWatch(Loop& loop, const EventFd& bell, std::function<void()> callback)
    : watch_(loop, bell.fd(), POLLIN, [callback = std::move(callback)](int32_t result) {
        if (result > 0) callback();
      }) {}

}  // namespace stratos::runtime
