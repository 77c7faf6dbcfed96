// SPDX-License-Identifier: Apache-2.0
// The two sides in two threads, sleeping and ringing as in life: no ring may be lost,
// and rings and system calls must go towards zero as load rises.

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>

#include "drain.h"
#include "links/link_rig.h"

namespace stratos::links {
namespace {

// Hub and helper in a thread of their own.
class HelperThread {
 public:
  HelperThread(const hub::ScratchDirectory& scratch, std::chrono::nanoseconds poll_time) {
    thread_ = std::thread([this, &scratch, poll_time] { run(scratch, poll_time); });
    ready_.wait();
  }
  ~HelperThread() { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    stop_.ring();
    thread_.join();
  }

  // After stop().
  runtime::Loop::Counters counters{};
  uint64_t cpu_time = 0;

 private:
  void run(const hub::ScratchDirectory& scratch, std::chrono::nanoseconds poll_time) {
    auto loop = runtime::make_loop({.poll_time = poll_time});
    auto hub = hub::Hub::start(*loop, link_config(scratch));
    Helper helper(*loop, scratch.file("a.sock"));
    EXPECT_TRUE(runtime::turn_until(*loop, [&] { return helper.link.attached(); }));
    runtime::EventFdWatch watch(*loop, stop_, [&loop] { loop->stop(); });
    ready_.count_down();
    loop->run();
    counters = loop->counters();
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    cpu_time =
        static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
  }

  runtime::EventFd stop_ = std::move(*runtime::EventFd::create());
  std::latch ready_{1};
  std::thread thread_;
};

void sleep_until_rung(Guest& guest) {
  if (!guest.driver().prepare_sleep()) return;
  pollfd waiting{.fd = guest.bell().fd(), .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, 10000) == 0) ADD_FAILURE() << "a ring was lost";
  test::drain(guest.bell());
}

// A driver side that sleeps until it is rung, as a guest does.
std::unique_ptr<Guest> sleeping_guest(const hub::ScratchDirectory& scratch) {
  const auto self = std::make_shared<Guest*>(nullptr);
  auto guest = std::make_unique<Guest>(scratch.file("a.qemu"), [self] {
    if (*self == nullptr) {
      std::this_thread::yield();  // no bell yet
    } else {
      sleep_until_rung(**self);
    }
  });
  *self = guest.get();
  return guest;
}

TEST(ShmLinkLoad, NoRingIsLostWhenBothSidesSleep) {
  hub::ScratchDirectory scratch;
  HelperThread helper(scratch, std::chrono::nanoseconds(0));
  auto guest = sleeping_guest(scratch);
  ASSERT_TRUE(guest->come_up());
  for (int i = 0; i < 3000; ++i) {
    const std::string text = std::to_string(i);
    ASSERT_EQ(guest->echo(text), text);
  }
}

TEST(ShmLinkLoad, RingsAndSystemCallsGoTowardsZeroUnderLoad) {
  hub::ScratchDirectory scratch;
  HelperThread helper(scratch, std::chrono::microseconds(50));
  auto guest = sleeping_guest(scratch);
  ASSERT_TRUE(guest->come_up());
  test::DriverQueue& queue = *guest->device().queues[0];
  const uint64_t buffer = guest->device().memory->allocate(256);
  const test::Buffer in{buffer, 16}, out{buffer + 128, 16};
  constexpr uint32_t kRequests = 100'000;
  uint32_t sent = 0, received = 0;
  const uint64_t rings_before = guest->rings();
  while (received < kRequests) {
    while (sent < kRequests && queue.add({&in, 1}, {&out, 1})) ++sent;
    queue.publish();
    if (queue.kick_needed()) guest->driver().kick(3, 0);
    ASSERT_TRUE(guest->driver().wait_for([&] {
      const uint32_t before = received;
      while (queue.get_used()) ++received;
      return received != before;
    }));
  }
  const auto rings = static_cast<double>(guest->rings() - rings_before);
  helper.stop();
  // Its rings are among them.
  const auto calls = static_cast<double>(helper.counters.system_calls);
  RecordProperty("rings_per_request", std::to_string(rings / kRequests));
  RecordProperty("calls_per_request", std::to_string(calls / kRequests));
  EXPECT_LT(rings / kRequests, 0.1);
  EXPECT_LT(calls / kRequests, 0.1);
}

TEST(ShmLinkLoad, IdleLinkUsesNoCpu) {
  hub::ScratchDirectory scratch;
  uint64_t before = 0;
  {
    HelperThread helper(scratch, std::chrono::microseconds(50));
    auto guest = sleeping_guest(scratch);
    ASSERT_TRUE(guest->come_up());
    helper.stop();
    before = helper.cpu_time;
  }
  HelperThread helper(scratch, std::chrono::microseconds(50));
  auto guest = sleeping_guest(scratch);
  ASSERT_TRUE(guest->come_up());
  std::this_thread::sleep_for(std::chrono::seconds(1));
  helper.stop();
  EXPECT_LT(helper.cpu_time, before + 10'000'000) << "more than 1 % of a second";
  EXPECT_LT(helper.counters.sleeps, 1000U);
}

}  // namespace
}  // namespace stratos::links
