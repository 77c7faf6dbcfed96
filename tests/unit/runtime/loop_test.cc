// SPDX-License-Identifier: Apache-2.0
#include "runtime/loop.h"

#include <liburing.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "drain.h"
#include "runtime/event_fd.h"
#include "runtime/test_loop.h"

namespace stratos::runtime {
namespace {

using std::chrono::milliseconds;

struct Nop final : Operation {
  void on_complete(int32_t result, uint32_t) override {
    ++completions;
    last_result = result;
    if (then) then();
  }
  int completions = 0;
  int32_t last_result = 0;
  std::function<void()> then;
};

struct PipeRead final : OwnedOperation {
  explicit PipeRead(bool& destroyed_flag) : destroyed(destroyed_flag) {}
  ~PipeRead() override { destroyed = true; }
  void on_complete(int32_t result, uint32_t) override {
    ++completions;
    last_result = result;
  }
  bool& destroyed;
  std::array<char, 8> buffer{};
  int completions = 0;
  int32_t last_result = 0;
};

struct CountingHook final : TurnHook {
  bool on_turn_end() override {
    ++turn_ends;
    if (at_turn_end) at_turn_end();
    return more_work > 0 && more_work-- > 0;
  }
  bool on_sleep() override {
    ++sleeps;
    return may_sleep;
  }
  int turn_ends = 0;
  int sleeps = 0;
  int more_work = 0;
  bool may_sleep = true;
  std::function<void()> at_turn_end;
};

TEST(Loop, CompletesAnOperationAndAllowsToSubmitItAgainFromItsCompletion) {
  auto loop = make_loop();
  Nop nop;
  nop.then = [&] {
    EXPECT_FALSE(nop.pending());
    if (nop.completions < 3) io_uring_prep_nop(loop->prepare(nop));
  };
  io_uring_prep_nop(loop->prepare(nop));
  EXPECT_TRUE(nop.pending());
  EXPECT_TRUE(turn_until(*loop, [&] { return nop.completions == 3; }));
  EXPECT_FALSE(nop.pending());
}

TEST(Loop, TakesMoreOperationsThanTheRingHasEntries) {
  auto loop = make_loop({.entries = 8});
  std::vector<Nop> nops(1000);
  for (Nop& nop : nops) io_uring_prep_nop(loop->prepare(nop));
  EXPECT_TRUE(turn_until(*loop, [&] {
    return std::all_of(nops.begin(), nops.end(), [](const Nop& n) { return n.completions == 1; });
  }));
}

TEST(Loop, CancelEndsAnOperationThatWouldWaitForEver) {
  auto loop = make_loop();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  bool destroyed = false;
  PipeRead read_operation(destroyed);
  io_uring_prep_read(loop->prepare(read_operation), reader.get(), read_operation.buffer.data(), 8,
                     0);
  loop->turn(false);
  EXPECT_EQ(read_operation.completions, 0);
  loop->cancel(read_operation);
  EXPECT_TRUE(turn_until(*loop, [&] { return read_operation.completions == 1; }));
  EXPECT_EQ(read_operation.last_result, -ECANCELED);
  EXPECT_FALSE(read_operation.pending());
  loop->cancel(read_operation);  // no harm
}

TEST(Loop, RetiredOperationIsNotCalledAndGoesWhenTheKernelLetGo) {
  auto loop = make_loop();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  bool destroyed = false;
  auto operation = std::make_unique<PipeRead>(destroyed);
  io_uring_prep_read(loop->prepare(*operation), reader.get(), operation->buffer.data(), 8, 0);
  loop->turn(false);
  loop->retire(std::move(operation));
  EXPECT_FALSE(destroyed);
  EXPECT_TRUE(turn_until(*loop, [&] { return destroyed; }));
}

TEST(Loop, DestructionWaitsForOperationsThatTheKernelStillHas) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  bool destroyed = false;
  {
    auto loop = make_loop();
    auto operation = std::make_unique<PipeRead>(destroyed);
    io_uring_prep_read(loop->prepare(*operation), reader.get(), operation->buffer.data(), 8, 0);
    loop->turn(false);
    loop->retire(std::move(operation));
  }
  EXPECT_TRUE(destroyed);
}

TEST(Loop, HookEndsEachTurnAndKeepsTheLoopAwakeWhileThereIsWork) {
  auto loop = make_loop();
  CountingHook hook;
  hook.more_work = 3;
  loop->add_hook(hook);
  for (int i = 0; i < 3; ++i) loop->turn(false);
  EXPECT_EQ(hook.turn_ends, 3);
  EXPECT_EQ(hook.sleeps, 0);
  // The third turn reported more work: this one must return without sleeping, and
  // without having asked anybody to ring.
  loop->turn(true);
  EXPECT_EQ(hook.turn_ends, 4);
  EXPECT_EQ(hook.sleeps, 0);
  loop->remove_hook(hook);
}

TEST(Loop, HookThatFindsWorkAtTheLastMomentPreventsSleep) {
  auto loop = make_loop();
  CountingHook hook;
  hook.may_sleep = false;
  loop->add_hook(hook);
  loop->turn(true);
  EXPECT_EQ(hook.sleeps, 0) << "a new hook has its say before it is asked to let the loop sleep";
  loop->turn(true);  // would block for ever: nothing is pending
  EXPECT_EQ(hook.sleeps, 1);
  EXPECT_EQ(hook.turn_ends, 2);
  EXPECT_EQ(loop->counters().sleeps, 0U);
  loop->remove_hook(hook);
}

TEST(Loop, HooksMayRemoveThemselvesAndOthers) {
  auto loop = make_loop();
  CountingHook first, second;
  first.at_turn_end = [&] {
    loop->remove_hook(first);
    loop->remove_hook(second);
  };
  loop->add_hook(first);
  loop->add_hook(second);
  loop->turn(false);
  loop->turn(false);
  EXPECT_EQ(first.turn_ends, 1);
  EXPECT_EQ(second.turn_ends, 0);
}

TEST(Loop, StopFromAHookEndsRun) {
  auto loop = make_loop();
  CountingHook hook;
  hook.more_work = 100;
  hook.at_turn_end = [&] {
    if (hook.turn_ends == 5) loop->stop();
  };
  loop->add_hook(hook);
  loop->run();
  EXPECT_EQ(hook.turn_ends, 5);
  loop->remove_hook(hook);
}

TEST(Loop, StopBeforeRunReturnsAfterOneTurnAndRunMayBeCalledAgain) {
  auto loop = make_loop();
  loop->stop();
  loop->run();
  EXPECT_EQ(loop->counters().turns, 1U);
  Timer timer(*loop, [&] { loop->stop(); });
  timer.start_once(milliseconds(1));
  loop->run();
  EXPECT_GT(loop->counters().turns, 1U);
}

TEST(Loop, RunSubmitsWhatTheLastTurnStaged) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  const uint64_t one = 1;
  Nop write_operation;
  CountingHook hook;
  hook.at_turn_end = [&] {
    io_uring_prep_write(loop->prepare(write_operation), bell->fd(), &one, sizeof(one), 0);
    loop->stop();
  };
  loop->add_hook(hook);
  loop->stop();
  loop->run();
  EXPECT_TRUE(test::drain(*bell));
  loop->remove_hook(hook);
}

TEST(Loop, LooksForRequestsAtAPaceAndFindsThemWithoutSleeping) {
  auto loop = make_loop({.poll_time = std::chrono::seconds(5)});
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  int heard = 0;
  EventFdWatch watch(*loop, *bell, [&] {
    ++heard;
    loop->note_request();
  });
  for (int i = 1; i <= 5; ++i) {
    bell->ring();
    ASSERT_TRUE(turn_until(*loop, [&] { return heard == i; }));
  }
  for (int i = 0; i < 10; ++i) loop->turn(true);  // the deadline's timer goes
  const uint64_t sleeps = loop->counters().sleeps;
  const uint64_t calls = loop->counters().system_calls;
  for (int i = 0; i < 1000; ++i) loop->turn(true);
  EXPECT_EQ(loop->counters().system_calls, calls) << "looking must not enter the kernel";
  bell->ring();
  while (heard < 6) loop->turn(true);
  EXPECT_EQ(loop->counters().sleeps, sleeps);
}

TEST(Loop, SleepsOnceThePollTimeIsOver) {
  auto loop = make_loop({.poll_time = milliseconds(2)});
  bool fired = false;
  Timer timer(*loop, [&] { fired = true; });
  Nop nop;
  nop.then = [&] { loop->note_request(); };
  for (int i = 0; i < 5; ++i) {
    io_uring_prep_nop(loop->prepare(nop));
    loop->turn(true);
  }
  timer.start_once(milliseconds(50));
  const uint64_t sleeps = loop->counters().sleeps;
  ASSERT_TRUE(turn_until(*loop, [&] { return fired; }));
  EXPECT_GT(loop->counters().sleeps, sleeps);
}

TEST(Loop, WakesUpBeforeARequestIsDue) {
  auto loop = make_loop({.poll_time = milliseconds(100)});
  bool too_late = false;
  Timer timer(*loop, [&] { too_late = true; });
  timer.start_once(std::chrono::seconds(30));
  Nop nop;
  nop.then = [&] { loop->note_request(); };
  for (int i = 1; i <= 4; ++i) {
    std::this_thread::sleep_for(milliseconds(200));
    io_uring_prep_nop(loop->prepare(nop));
    while (nop.completions < i) loop->turn(true);
  }
  const uint64_t sleeps = loop->counters().sleeps;
  loop->turn(true);
  EXPECT_EQ(loop->counters().sleeps, sleeps + 1);
  EXPECT_FALSE(too_late) << "it slept until something happened";
}

TEST(Loop, TimersAreNoReasonToLook) {
  auto loop = make_loop({.poll_time = std::chrono::microseconds(50)});
  int fired = 0;
  Timer timer(*loop, [&] {
    if (++fired == 200) loop->stop();
  });
  timer.start_periodic(std::chrono::microseconds(100));
  loop->run();
  EXPECT_LE(loop->counters().turns, loop->counters().sleeps + 10);
}

TEST(Loop, IdleLoopUsesNoCpu) {
  auto loop = make_loop({.poll_time = std::chrono::microseconds(50)});
  Timer timer(*loop, [&] { loop->stop(); });
  timer.start_once(milliseconds(300));
  timespec before{}, after{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  loop->run();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  const auto used =
      (after.tv_sec - before.tv_sec) * 1'000'000'000L + after.tv_nsec - before.tv_nsec;
  EXPECT_LT(used, 10'000'000L);
  EXPECT_LT(loop->counters().sleeps, 5U);
}

TEST(Loop, RestrictedRingRefusesWhatWasNotAllowed) {
  constexpr std::array<uint8_t, 2> kAllowed = {IORING_OP_NOP, IORING_OP_TIMEOUT};
  auto loop = make_loop({.allowed_operations = kAllowed});
  Nop nop, open;
  io_uring_prep_nop(loop->prepare(nop));
  io_uring_prep_openat(loop->prepare(open), -1, "/dev/null", 0, 0);
  ASSERT_TRUE(turn_until(*loop, [&] { return nop.completions == 1 && open.completions == 1; }));
  EXPECT_EQ(nop.last_result, 0);
  EXPECT_EQ(open.last_result, -EACCES);
}

}  // namespace
}  // namespace stratos::runtime
