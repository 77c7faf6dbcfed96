// SPDX-License-Identifier: Apache-2.0
// The order of transmissions over a socket whose word for "sent" is not enough.
//
// The kernel takes a frame long before it is on the bus. The sign that it was there is
// its echo, which the controller's driver gives back to the socket that sent it. Under
// load an echo can get lost, so each frame waits for it for a bounded time, and
// every frame is reported exactly once, in the order of push(), whatever happens.
//
// States of a frame, which follow each other in the queue:
//
//   settled ... | accepted by the kernel ... | handed over in a batch ... | queued ...
//
// Pure bookkeeping: the caller does the I/O and passes the time in.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "devices/can/bus.h"

namespace stratos::hosts {

class ConfirmedQueue {
 public:
  struct Options {
    size_t capacity = 128;
    bool echo = true;  // else the kernel's acceptance is the confirmation
    // ns from acceptance to echo, and of trying to have a frame accepted, while no
    // other frame shows that the bus is alive.
    uint64_t patience = 1'000'000'000;
    // ns that a frame still has once a later one was echoed: its own echo is lost,
    // or the controller has priorities of its own.
    uint64_t grace = 20'000'000;
  };
  struct Report {
    can::TxToken token = 0;
    bool ok = false;
  };
  struct Counters {
    uint64_t unconfirmed = 0;   // no echo in time: reported as failed
    uint64_t unaccepted = 0;    // not taken by the kernel in time: likewise
    uint64_t stray_echoes = 0;  // of frames that we no longer know
  };

  explicit ConfirmedQueue(const Options& options);

  // False if the queue is full.
  bool push(const can::Frame& frame, can::TxToken token);

  // The frames to send next, in order, at most `most` of them; none while a batch is
  // under way. They count as handed over until batch_done().
  size_t begin_batch(size_t most);
  // Frame `index` of the batch under way.
  const can::Frame& batch_frame(size_t index) const { return at(accepted_end_ + index).frame; }
  // The kernel accepted the first `accepted` frames of the batch. If `reject_next`, it
  // will never take the one behind them; all others are queued again, in their place. A
  // frame that is not taken for too long is rejected as well.
  void batch_done(size_t accepted, bool reject_next, uint64_t now);

  // The echo of `frame` arrived.
  void echo(const can::Frame& frame, uint64_t now);
  // No echo could be heard until `now`: frames get the time that they lost.
  void deaf_until(uint64_t now);
  // Gives up the frames whose time is over.
  void expire(uint64_t now);
  // When expire() has something to do next.
  std::optional<uint64_t> deadline() const;

  // The next frame whose fate is known, in order; each once.
  std::optional<Report> next_report();

  // Reports every frame that was not reported yet as failed (bus-off).
  void fail_all();
  // Forgets the frames: none is reported any more. What the kernel has is still
  // remembered, lest its echo confirm a frame that comes later.
  void forget();

  bool queued() const { return batch_end_ < end_; }
  bool batch_under_way() const { return batch_end_ > accepted_end_; }
  const Counters& counters() const { return counters_; }

 private:
  enum class Fate : uint8_t { kOpen, kOk, kFailed };
  struct Entry {
    can::Frame frame;
    can::TxToken token = 0;
    Fate fate = Fate::kOpen;
    bool echo_due = false;  // the kernel has it and gave no echo yet
    bool overtaken = false;
    uint64_t deadline = 0;
  };

  Entry& at(uint64_t position) { return entries_[position % entries_.size()]; }
  const Entry& at(uint64_t position) const { return entries_[position % entries_.size()]; }
  uint64_t deadline_of(const Entry& entry) const;
  void accept(uint64_t now);
  bool stuck(uint64_t now);
  void overtake(uint64_t position, uint64_t now);
  void shrink();

  const Options options_;
  std::vector<Entry> entries_;  // a ring; positions count up for ever
  uint64_t begin_ = 0;          // the oldest that is remembered
  uint64_t reported_end_ = 0;   // up to here everything was reported
  uint64_t accepted_end_ = 0;   // up to here the kernel has it
  uint64_t batch_end_ = 0;      // up to here it is handed over
  uint64_t end_ = 0;
  uint64_t last_echo_ = 0;                 // or when the last time of deafness ended
  std::optional<uint64_t> refused_since_;  // nothing was accepted from then on
  Counters counters_;
};

}  // namespace stratos::hosts
