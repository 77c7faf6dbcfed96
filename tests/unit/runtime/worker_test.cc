// SPDX-License-Identifier: Apache-2.0
#include "runtime/worker.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <semaphore>
#include <thread>

#include "runtime/test_loop.h"

namespace stratos::runtime {
namespace {

// Seen and steered from outside; outlives the task.
struct Steps {
  std::counting_semaphore<> begun{0};
  std::counting_semaphore<> may_end{0};
  std::promise<void> destroyed;
  std::thread::id thread;
  int runs = 0;
};

// Runs until it is allowed to end.
class SlowTask final : public Worker::Task {
 public:
  explicit SlowTask(Steps& steps) : steps_(steps) {}
  ~SlowTask() override { steps_.destroyed.set_value(); }
  void run() override {
    steps_.thread = std::this_thread::get_id();
    ++steps_.runs;
    steps_.begun.release();
    steps_.may_end.acquire();
  }

 private:
  Steps& steps_;
};

TEST(Worker, RunsElsewhereAndIsDoneInTheLoop) {
  auto loop = make_loop();
  Steps steps;
  int done = 0;
  std::thread::id done_in;
  auto worker = Worker::create(*loop, std::make_shared<SlowTask>(steps), [&] {
    ++done;
    done_in = std::this_thread::get_id();
  });
  ASSERT_TRUE(worker.has_value());
  ASSERT_TRUE((*worker)->start().has_value());
  for (int i = 1; i <= 50; ++i) {
    (*worker)->run();
    steps.begun.acquire();
    EXPECT_EQ(done, i - 1);
    steps.may_end.release();
    ASSERT_TRUE(turn_until(*loop, [&] { return done == i; }));
    EXPECT_EQ(steps.runs, i);
  }
  EXPECT_EQ(done_in, std::this_thread::get_id());
  EXPECT_NE(steps.thread, done_in);
}

TEST(Worker, MayGoAtAnyTime) {
  auto loop = make_loop();
  Steps steps;
  const auto task = std::make_shared<SlowTask>(steps);
  {
    auto never_started = Worker::create(*loop, task, [] {});
    ASSERT_TRUE(never_started.has_value());
  }
  {
    auto idle = Worker::create(*loop, task, [] {});
    ASSERT_TRUE(idle.has_value() && (*idle)->start().has_value());
  }
  EXPECT_EQ(steps.runs, 0);
}

TEST(Worker, ATaskThatHangsKeepsNobodyAndWhatItNeeds) {
  auto loop = make_loop();
  Steps steps;
  auto destroyed = steps.destroyed.get_future();
  auto worker = Worker::create(*loop, std::make_shared<SlowTask>(steps),
                               [] { FAIL() << "nobody waits for it"; });
  ASSERT_TRUE(worker.has_value() && (*worker)->start().has_value());
  (*worker)->run();
  steps.begun.acquire();
  worker->reset();  // would block for ever if it waited
  loop->turn(false);
  EXPECT_EQ(destroyed.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  steps.may_end.release();
  EXPECT_EQ(destroyed.wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

}  // namespace
}  // namespace stratos::runtime
