// SPDX-License-Identifier: Apache-2.0
#include "hosts/confirmed_queue.h"

#include <algorithm>

namespace stratos::hosts {

ConfirmedQueue::ConfirmedQueue(const Options& options)
    : options_(options), entries_(std::max<size_t>(options.capacity, 1)) {}

bool ConfirmedQueue::push(const can::Frame& frame, can::TxToken token) {
  // A frame that was reported without an echo makes room: nobody waits for it.
  while (end_ - begin_ == entries_.size() && begin_ < std::min(reported_end_, accepted_end_)) {
    ++begin_;
  }
  if (end_ - begin_ == entries_.size()) return false;
  at(end_++) = {.frame = frame, .token = token};
  return true;
}

size_t ConfirmedQueue::begin_batch(size_t most) {
  if (batch_under_way()) return 0;
  const size_t count = std::min<size_t>(most, end_ - batch_end_);
  // Its echo may come before the news that the kernel took it.
  for (size_t i = 0; i < count; ++i) at(batch_end_ + i).echo_due = options_.echo;
  batch_end_ += count;
  return count;
}

void ConfirmedQueue::batch_done(size_t accepted, bool reject_next, uint64_t now) {
  for (size_t i = 0; i < accepted; ++i) accept(now);
  if (accepted > 0 || reject_next) {
    refused_since_.reset();
  } else {
    reject_next = stuck(now);
  }
  if (reject_next && batch_under_way()) {
    Entry& entry = at(accepted_end_++);
    entry.echo_due = false;
    if (entry.fate == Fate::kOpen) entry.fate = Fate::kFailed;
  }
  for (uint64_t i = accepted_end_; i < batch_end_; ++i) at(i).echo_due = false;
  batch_end_ = accepted_end_;
  // What was settled while the kernel had it in hand is not sent again.
  while (batch_end_ < end_ && at(batch_end_).fate != Fate::kOpen) accepted_end_ = ++batch_end_;
  shrink();
}

void ConfirmedQueue::accept(uint64_t now) {
  Entry& entry = at(accepted_end_++);
  entry.deadline = now + options_.patience;
  if (!options_.echo && entry.fate == Fate::kOpen) entry.fate = Fate::kOk;
}

void ConfirmedQueue::echo(const can::Frame& frame, uint64_t now) {
  for (uint64_t i = begin_; i < batch_end_; ++i) {
    Entry& entry = at(i);
    if (!entry.echo_due || entry.frame != frame) continue;
    entry.echo_due = false;
    if (entry.fate == Fate::kOpen) entry.fate = Fate::kOk;
    last_echo_ = now;
    overtake(i, now);
    shrink();
    return;
  }
  ++counters_.stray_echoes;
}

// Nothing was accepted: whether that has gone on for too long.
bool ConfirmedQueue::stuck(uint64_t now) {
  if (!refused_since_) refused_since_ = now;
  if (now - std::max(*refused_since_, last_echo_) < options_.patience) return false;
  ++counters_.unaccepted;
  return true;
}

// The frames before `position` were echoed later, or will never be.
void ConfirmedQueue::overtake(uint64_t position, uint64_t now) {
  for (uint64_t i = begin_; i < std::min(position, accepted_end_); ++i) {
    Entry& entry = at(i);
    if (!entry.echo_due) continue;
    if (!entry.overtaken) entry.deadline = now + options_.grace;
    entry.overtaken = true;
    if (entry.fate != Fate::kOpen) entry.echo_due = false;
  }
}

uint64_t ConfirmedQueue::deadline_of(const Entry& entry) const {
  if (entry.overtaken) return entry.deadline;
  return std::max(entry.deadline, last_echo_ + options_.patience);
}

void ConfirmedQueue::deaf_until(uint64_t now) { last_echo_ = std::max(last_echo_, now); }

void ConfirmedQueue::expire(uint64_t now) {
  for (uint64_t i = begin_; i < accepted_end_; ++i) {
    Entry& entry = at(i);
    if (entry.fate != Fate::kOpen || deadline_of(entry) > now) continue;
    entry.fate = Fate::kFailed;
    ++counters_.unconfirmed;
  }
}

std::optional<uint64_t> ConfirmedQueue::deadline() const {
  std::optional<uint64_t> earliest;
  for (uint64_t i = begin_; i < accepted_end_; ++i) {
    const Entry& entry = at(i);
    if (entry.fate != Fate::kOpen) continue;
    earliest = std::min(earliest.value_or(UINT64_MAX), deadline_of(entry));
  }
  return earliest;
}

std::optional<ConfirmedQueue::Report> ConfirmedQueue::next_report() {
  if (reported_end_ == end_) return std::nullopt;
  const Entry& entry = at(reported_end_);
  if (entry.fate == Fate::kOpen) return std::nullopt;
  const Report report{.token = entry.token, .ok = entry.fate == Fate::kOk};
  ++reported_end_;
  shrink();
  return report;
}

void ConfirmedQueue::fail_all() {
  for (uint64_t i = begin_; i < end_; ++i) {
    if (at(i).fate == Fate::kOpen) at(i).fate = Fate::kFailed;
  }
  refused_since_.reset();
  // What is queued is not to be sent; behind a batch, batch_done() sees to that.
  if (!batch_under_way()) accepted_end_ = batch_end_ = end_;
}

void ConfirmedQueue::forget() {
  fail_all();
  reported_end_ = end_;
  shrink();
}

// Lets go of what is over in every respect.
void ConfirmedQueue::shrink() {
  const uint64_t settled_end = std::min(reported_end_, accepted_end_);
  while (begin_ < settled_end && !at(begin_).echo_due) ++begin_;
}

}  // namespace stratos::hosts
