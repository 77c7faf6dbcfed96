// SPDX-License-Identifier: Apache-2.0
// Doorbells: an eventfd to ring, and a way to hear one being rung.
//
// The open file of a bell is shared with the peer, which may make it blocking at any
// time or fill its counter. Whatever it does, no call here blocks.

#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::runtime {

class EventFd {
 public:
  static std::expected<EventFd, std::error_code> create();
  // Takes over a descriptor that somebody sent: fails unless it is an eventfd, and
  // makes it non-blocking.
  static std::expected<EventFd, std::error_code> adopt(UniqueFd fd);

  // For a file of another kind that speaks as an eventfd does and is non-blocking, from
  // somebody who is trusted.
  static EventFd wrap(UniqueFd fd) { return EventFd(std::move(fd)); }

  // Rings with a write() of one's own. Only for a bell whose peer is trusted.
  void ring() const;

  int fd() const { return fd_.get(); }

 private:
  explicit EventFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Rings a bell through the ring, with the next system call that the loop makes anyway.
// (Measured: 0.45 us on top of a turn, where a write() of one's own takes 0.3 us; but a
// write() blocks where the peer wants it to, and this does not.)
class EventFdRinger {
 public:
  EventFdRinger(Loop& loop, EventFd bell);
  // What was rung still goes out, and the bell is closed after that.
  ~EventFdRinger();
  EventFdRinger(const EventFdRinger&) = delete;
  EventFdRinger& operator=(const EventFdRinger&) = delete;

  void ring();

 private:
  struct State;
  Loop& loop_;
  std::unique_ptr<State> state_;
};

// Calls back when the bell was rung, once for all rings since the last time, and at once
// if it was rung before. Now and then it calls back for nothing.
//
// Nothing is taken back: each ring of an eventfd wakes who polls, whatever the counter says,
// so to read it in each turn would be a system call for nothing. (Measured: 0.9 us of a round
// trip of 13.) A peer that fills the counter has no bell any more.
class EventFdWatch {
 public:
  EventFdWatch(Loop& loop, const EventFd& bell, std::function<void()> callback);

 private:
  FdWatch watch_;
};

}  // namespace stratos::runtime
