// SPDX-License-Identifier: Apache-2.0
#include "runtime/loop.h"

#include <liburing.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "runtime/adaptive_poll.h"
#include "runtime/ring_setup.h"

namespace stratos::runtime {
namespace {

// Marks completions that nobody waits for.
constexpr uint64_t kNobody = 0;

// How long a loop that goes away waits for the kernel to let go of its operations.
constexpr int kGiveUpSeconds = 1;

constexpr int64_t kSecond = 1'000'000'000;

// The ring itself failed: a defect here, or a kernel out of memory for good. There
// is no loop without a ring, so there is nothing to return to.
[[noreturn]] void die(const char* what, int error) {
  std::fprintf(stderr, "stratos: io_uring: %s: %s\n", what, std::strerror(error));
  std::abort();
}

bool is_transient(int error) {
  return error == EINTR || error == EAGAIN || error == EBUSY || error == ETIME;
}

uint64_t monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
}

// Tells the CPU that this is a spin, so that a sibling thread gets its share.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

struct Loop::Impl {
  explicit Impl(uint64_t poll_time) : poll(poll_time) {}

  io_uring ring{};
  std::vector<TurnHook*> hooks;  // a removed one is null until the turn is over
  std::vector<std::unique_ptr<OwnedOperation>> retired;  // the kernel still has these
  std::vector<std::unique_ptr<OwnedOperation>> done;     // destroyed between two turns
  Counters counters;
  AdaptivePoll poll;
  uint64_t now = 0;
  uint64_t wake_at = AdaptivePoll::kNever;  // the end of the sleep that may_sleep() allows
  uint64_t in_flight = 0;
  bool more_work = false;
  bool stopped = false;

  void reserve(uint32_t count);
  io_uring_sqe* take_entry();
  void enter();
  void sleep();
  void look();
  bool may_sleep();
  void dispatch();
  void finish(OwnedOperation* operation);
  bool run_hooks();
  void turn(bool wait);
  void give_up_all();
};

// Waits until `count` entries are free. A kernel short of memory gets a few chances.
void Loop::Impl::reserve(uint32_t count) {
  constexpr int kAttempts = 1000;
  for (int attempt = 0; io_uring_sq_space_left(&ring) < count; ++attempt) {
    if (attempt == kAttempts) die("submit", EBUSY);
    ++counters.system_calls;
    const int result = io_uring_submit(&ring);
    if (result < 0 && !is_transient(-result)) die("submit", -result);
  }
}

io_uring_sqe* Loop::Impl::take_entry() {
  reserve(1);
  return io_uring_get_sqe(&ring);
}

// Submits what is staged and fetches completions, with one system call.
void Loop::Impl::enter() {
  ++counters.system_calls;
  const int result = io_uring_submit_and_get_events(&ring);
  if (result < 0 && !is_transient(-result)) die("enter", -result);
}

// As enter(), but waits for a completion, or until `wake_at`.
void Loop::Impl::sleep() {
  ++counters.system_calls;
  ++counters.sleeps;
  int result = 0;
  if (wake_at == AdaptivePoll::kNever) {
    result = io_uring_submit_and_wait(&ring, 1);
  } else {
    const uint64_t time = monotonic_now();
    const auto left = static_cast<int64_t>(wake_at > time ? wake_at - time : 0);
    __kernel_timespec timeout{.tv_sec = left / kSecond, .tv_nsec = left % kSecond};
    io_uring_cqe* entry = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring, &entry, 1, &timeout, nullptr);
  }
  if (result < 0 && !is_transient(-result)) die("enter", -result);
}

// Fetches completions without submitting; no system call unless the kernel says
// that there is something to fetch.
void Loop::Impl::look() {
  if (io_uring_cq_ready(&ring) != 0) return;
  const unsigned flags = IO_URING_READ_ONCE(*ring.sq.kflags);
  if ((flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) == 0) return;
  ++counters.system_calls;
  io_uring_get_events(&ring);
}

bool Loop::Impl::may_sleep() {
  if (stopped || more_work || io_uring_cq_ready(&ring) != 0) return false;
  const AdaptivePoll::Advice advice = poll.on_idle(now);
  if (advice.look) return false;
  wake_at = advice.wake_at;
  for (size_t i = 0; i < hooks.size(); ++i) {
    if (hooks[i] != nullptr && !hooks[i]->on_sleep()) return false;
  }
  // A hook may have submitted, stopped the loop or taken a while; only a stop counts.
  return !stopped;
}

void Loop::complete(Impl& impl, uint64_t user_data, int32_t result, uint32_t flags) {
  if (user_data == kNobody) return;
  auto* operation = reinterpret_cast<Operation*>(user_data);  // NOLINT(performance-no-int-to-ptr)
  const bool last = (flags & IORING_CQE_F_MORE) == 0;
  if (last) {
    operation->pending_ = false;
    --impl.in_flight;
  }
  if (!operation->retired_) {
    operation->on_complete(result, flags);
  } else if (last) {
    impl.finish(static_cast<OwnedOperation*>(operation));
  }
}

void Loop::Impl::finish(OwnedOperation* operation) {
  const auto found =
      std::find_if(retired.begin(), retired.end(),
                   [operation](const auto& candidate) { return candidate.get() == operation; });
  done.push_back(std::move(*found));
  retired.erase(found);
}

// Runs what was there at the beginning, so that no completion keeps the turn going.
void Loop::Impl::dispatch() {
  const uint32_t ready = io_uring_cq_ready(&ring);
  for (uint32_t i = 0; i < ready; ++i) {
    io_uring_cqe* entry = nullptr;
    if (io_uring_peek_cqe(&ring, &entry) != 0) break;
    const uint64_t user_data = entry->user_data;
    const int32_t result = entry->res;
    const uint32_t flags = entry->flags;
    io_uring_cqe_seen(&ring, entry);
    Loop::complete(*this, user_data, result, flags);
  }
  counters.completions += ready;
}

bool Loop::Impl::run_hooks() {
  bool more = false;
  for (size_t i = 0; i < hooks.size(); ++i) {
    if (hooks[i] != nullptr && hooks[i]->on_turn_end()) more = true;
  }
  std::erase(hooks, nullptr);
  return more;
}

void Loop::Impl::turn(bool wait) {
  ++counters.turns;
  if (wait && may_sleep()) {
    sleep();
  } else if (io_uring_sq_ready(&ring) != 0) {
    enter();
  } else {
    look();
    if (!more_work) relax();
  }
  now = monotonic_now();
  dispatch();
  more_work = run_hooks();
  const auto finished = std::exchange(done, {});
}

// Memory that the kernel may still write must not go before the kernel is done.
void Loop::Impl::give_up_all() {
  if (in_flight != 0) {
    io_uring_sqe* entry = take_entry();
    io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(entry, kNobody);
  }
  const uint64_t deadline = monotonic_now() + kGiveUpSeconds * 1'000'000'000ULL;
  while (in_flight != 0 && monotonic_now() < deadline) {
    io_uring_cqe* entry = nullptr;
    __kernel_timespec patience{.tv_sec = 0, .tv_nsec = 100'000'000};
    const int result = io_uring_submit_and_wait_timeout(&ring, &entry, 1, &patience, nullptr);
    if (result < 0 && !is_transient(-result)) break;
    while (io_uring_peek_cqe(&ring, &entry) == 0) {
      const bool last = (entry->flags & IORING_CQE_F_MORE) == 0;
      // liburing marks its own timeout, on kernels that need one, with all ones.
      if (last && entry->user_data != kNobody && entry->user_data != LIBURING_UDATA_TIMEOUT) {
        --in_flight;
      }
      io_uring_cqe_seen(&ring, entry);
    }
  }
}

std::expected<std::unique_ptr<Loop>, std::string> Loop::create(const Options& options) {
  auto impl = std::make_unique<Impl>(
      static_cast<uint64_t>(std::max<int64_t>(options.poll_time.count(), 0)));
  auto ready = set_up_ring(impl->ring, options.entries, options.allowed_operations);
  if (!ready) return std::unexpected(std::move(ready.error()));
  // A sleep that ends shortly before a request is due has no use for the 50 us by which
  // the kernel lets such sleeps be late.
  if (options.poll_time.count() > 0) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  impl->now = monotonic_now();
  return std::unique_ptr<Loop>(new Loop(std::move(impl)));
}

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Loop::~Loop() {
  impl_->give_up_all();
  io_uring_queue_exit(&impl_->ring);
}

io_uring_sqe* Loop::prepare(Operation& operation) {
  assert(!operation.pending_);
  io_uring_sqe* entry = impl_->take_entry();
  io_uring_sqe_set_data64(entry, reinterpret_cast<uint64_t>(&operation));
  operation.pending_ = true;
  ++impl_->in_flight;
  return entry;
}

void Loop::reserve(uint32_t count) { impl_->reserve(count); }

void Loop::cancel(Operation& operation) {
  if (!operation.pending_) return;
  io_uring_sqe* entry = impl_->take_entry();
  io_uring_prep_cancel64(entry, reinterpret_cast<uint64_t>(&operation), 0);
  io_uring_sqe_set_data64(entry, kNobody);
}

void Loop::retire(std::unique_ptr<OwnedOperation> operation) {
  operation->retired_ = true;
  if (operation->pending_) {
    cancel(*operation);
    impl_->retired.push_back(std::move(operation));
  } else {
    impl_->done.push_back(std::move(operation));
  }
}

void Loop::add_hook(TurnHook& hook) {
  impl_->hooks.push_back(&hook);
  impl_->more_work = true;  // it has a say before the loop sleeps
}

void Loop::remove_hook(TurnHook& hook) {
  std::replace(impl_->hooks.begin(), impl_->hooks.end(), &hook, static_cast<TurnHook*>(nullptr));
}

void Loop::note_request() { impl_->poll.on_request(impl_->now); }

uint64_t Loop::now() const { return impl_->now; }

const Loop::Counters& Loop::counters() const { return impl_->counters; }

void Loop::run() {
  do {
    impl_->turn(true);
  } while (!impl_->stopped);
  // What the last turn staged is still to go out.
  if (io_uring_sq_ready(&impl_->ring) != 0) impl_->enter();
  impl_->stopped = false;
}

void Loop::turn(bool wait) {
  impl_->turn(wait);
  if (io_uring_sq_ready(&impl_->ring) != 0) impl_->enter();
}

void Loop::stop() { impl_->stopped = true; }

}  // namespace stratos::runtime
