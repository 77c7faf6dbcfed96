// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <chrono>
#include <memory>

#include "drain.h"
#include "runtime/test_loop.h"

namespace stratos::runtime {
namespace {

// The same bell, as a peer has it.
EventFd another(const EventFd& bell) {
  return std::move(*EventFd::adopt(UniqueFd(dup(bell.fd()))));
}

TEST(EventFd, IsHeardEachTimeItRings) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  int heard = 0;
  EventFdWatch watch(*loop, *bell, [&] { ++heard; });
  for (int i = 1; i <= 100; ++i) {
    bell->ring();
    ASSERT_TRUE(turn_until(*loop, [&] { return heard == i; }));
  }
  for (int i = 0; i < 10; ++i) loop->turn(false);
  EXPECT_EQ(heard, 100) << "a bell that nobody reads must not keep the loop awake";
}

TEST(EventFd, IsHeardByAWatchThatComesLater) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  bell->ring();
  int heard = 0;
  EventFdWatch watch(*loop, *bell, [&] { ++heard; });
  EXPECT_TRUE(turn_until(*loop, [&] { return heard == 1; }));
}

TEST(EventFd, WatchMayBeDestroyedFromItsCallback) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  std::unique_ptr<EventFdWatch> watch;
  watch = std::make_unique<EventFdWatch>(*loop, *bell, [&] { watch.reset(); });
  bell->ring();
  EXPECT_TRUE(turn_until(*loop, [&] { return watch == nullptr; }));
  bell->ring();
  EXPECT_TRUE(turn_until(*loop, [&] { return test::drain(*bell); }));
}

TEST(EventFd, AdoptsABlockingOneAndMakesItNonBlocking) {
  UniqueFd blocking(eventfd(0, EFD_CLOEXEC));
  ASSERT_TRUE(blocking.valid());
  auto bell = EventFd::adopt(std::move(blocking));
  ASSERT_TRUE(bell.has_value());
  EXPECT_NE(fcntl(bell->fd(), F_GETFL) & O_NONBLOCK, 0);
  eventfd_t count = 0;
  EXPECT_EQ(eventfd_read(bell->fd(), &count), -1);  // would block for ever otherwise
}

TEST(EventFd, RefusesWhatIsNoEventfd) {
  EXPECT_FALSE(EventFd::adopt(UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC))).has_value());
  EXPECT_FALSE(EventFd::adopt(UniqueFd()).has_value());
}

// What a hostile peer can do to the open file that it shares with us.
void make_blocking(const EventFd& bell) {
  ASSERT_EQ(fcntl(bell.fd(), F_SETFL, fcntl(bell.fd(), F_GETFL) & ~O_NONBLOCK), 0);
}

TEST(EventFd, BellThatThePeerMadeBlockingIsHeardAndHoldsNobodyUp) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  make_blocking(*bell);
  int heard = 0;
  EventFdWatch watch(*loop, *bell, [&] { ++heard; });
  for (int i = 1; i <= 3; ++i) {
    bell->ring();
    ASSERT_TRUE(turn_until(*loop, [&] { return heard == i; }));
  }
}

TEST(EventFd, RingerRingsWithTheNextTurn) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  EventFdRinger ringer(*loop, another(*bell));
  for (int i = 0; i < 10; ++i) {
    ringer.ring();
    EXPECT_FALSE(test::drain(*bell));
    loop->turn(false);
    EXPECT_TRUE(test::drain(*bell));
  }
}

TEST(EventFd, RingStillGoesOutWhenRingerAndLoopGo) {
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  {
    auto loop = make_loop();
    EventFdRinger ringer(*loop, another(*bell));
    ringer.ring();
  }
  EXPECT_TRUE(test::drain(*bell));
}

TEST(EventFd, RingerIsNotHeldUpByAFullBellThatThePeerMadeBlocking) {
  auto loop = make_loop();
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  ASSERT_EQ(eventfd_write(bell->fd(), UINT64_MAX - 1), 0);
  make_blocking(*bell);
  EventFdRinger ringer(*loop, another(*bell));
  ringer.ring();
  bool fired = false;
  Timer timer(*loop, [&] { fired = true; });
  timer.start_once(std::chrono::milliseconds(20));
  ASSERT_TRUE(turn_until(*loop, [&] { return fired; }));
  ringer.ring();
  EXPECT_TRUE(test::drain(*bell));
  // Both rings come through now.
  EXPECT_TRUE(turn_until(*loop, [&] { return test::drain(*bell); }));
}

TEST(EventFd, FullCounterDoesNotBlockTheRinger) {
  auto bell = EventFd::create();
  ASSERT_TRUE(bell.has_value());
  ASSERT_EQ(eventfd_write(bell->fd(), UINT64_MAX - 1), 0);
  bell->ring();
  EXPECT_TRUE(test::drain(*bell));
}

}  // namespace
}  // namespace stratos::runtime
