// SPDX-License-Identifier: Apache-2.0
#include "hosts/confirmed_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "hosts/listener.h"

namespace stratos::test {
namespace {

using hosts::ConfirmedQueue;
using Sent = Listener::Sent;

constexpr uint64_t kPatience = 1000;
constexpr uint64_t kGrace = 10;

std::vector<Sent> reports(ConfirmedQueue& queue) {
  std::vector<Sent> out;
  while (const auto report = queue.next_report()) out.push_back({report->token, report->ok});
  return out;
}

class Confirmed : public testing::Test {
 protected:
  void push(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i, ++pushed_) {
      ASSERT_TRUE(queue.push(frame(pushed_), pushed_));
    }
  }
  void send(size_t count, uint64_t now = 0) {
    ASSERT_EQ(queue.begin_batch(count), count);
    queue.batch_done(count, false, now);
  }
  static can::Frame frame(uint32_t number) { return frame_of(1, static_cast<uint8_t>(number)); }

  ConfirmedQueue queue{{.capacity = 8, .echo = true, .patience = kPatience, .grace = kGrace}};
  uint32_t pushed_ = 0;
};

TEST_F(Confirmed, AFrameIsReportedWithItsEcho) {
  push(2);
  send(2);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  queue.echo(frame(0), 1);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}}));
  queue.echo(frame(1), 1);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{1, true}}));
  EXPECT_EQ(queue.deadline(), std::nullopt);
}

TEST_F(Confirmed, AnEchoMayComeBeforeTheNewsOfAcceptance) {
  push(1);
  ASSERT_EQ(queue.begin_batch(4), 1U);
  queue.echo(frame(0), 1);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}}));
  queue.batch_done(1, false, 2);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  EXPECT_EQ(queue.begin_batch(4), 0U) << "sent twice";
}

TEST_F(Confirmed, WhatTheKernelRefusesIsSentAgainInItsPlace) {
  push(5);
  ASSERT_EQ(queue.begin_batch(4), 4U);
  queue.batch_done(1, false, 0);
  ASSERT_EQ(queue.begin_batch(4), 4U);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(queue.batch_frame(i), frame(i + 1));
  EXPECT_EQ(queue.begin_batch(4), 0U) << "two batches at a time";
  queue.batch_done(4, false, 0);
  for (uint32_t i = 0; i < 5; ++i) queue.echo(frame(i), 1);
  EXPECT_EQ(reports(queue),
            (std::vector<Sent>{{0, true}, {1, true}, {2, true}, {3, true}, {4, true}}));
}

TEST_F(Confirmed, AFrameThatIsNeverTakenFailsAloneAndInOrder) {
  push(3);
  ASSERT_EQ(queue.begin_batch(3), 3U);
  queue.batch_done(1, true, 0);
  EXPECT_EQ(reports(queue), std::vector<Sent>{}) << "before the frame in front of it";
  send(1);
  queue.echo(frame(2), 1);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  queue.echo(frame(0), 1);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}, {1, false}, {2, true}}));
}

TEST_F(Confirmed, WithoutAnEchoTheWaitIsBounded) {
  push(1);
  send(1, 100);
  ASSERT_EQ(queue.deadline(), 100 + kPatience);
  queue.expire(100 + kPatience - 1);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  queue.expire(100 + kPatience);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, false}}));
  EXPECT_EQ(queue.counters().unconfirmed, 1U);
}

TEST_F(Confirmed, AKernelThatTakesNothingIsNotWaitedForForEver) {
  push(3);
  for (uint64_t now = 0; now < kPatience; now += 100) {
    ASSERT_EQ(queue.begin_batch(4), 3U);
    queue.batch_done(0, false, now);
    EXPECT_EQ(reports(queue), std::vector<Sent>{});
  }
  // Then each attempt costs one frame, until one is taken.
  ASSERT_EQ(queue.begin_batch(4), 3U);
  queue.batch_done(0, false, kPatience);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, false}}));
  ASSERT_EQ(queue.begin_batch(4), 2U);
  queue.batch_done(1, false, kPatience + 1);
  ASSERT_EQ(queue.begin_batch(4), 1U);
  queue.batch_done(0, false, kPatience + 2);
  queue.echo(frame(1), kPatience + 3);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{1, true}}));
  EXPECT_EQ(queue.counters().unaccepted, 1U);
  EXPECT_TRUE(queue.queued());
}

TEST_F(Confirmed, ASlowBusIsNotADeadOne) {
  push(3);
  send(3, 0);
  queue.echo(frame(0), 900);
  queue.expire(1500);
  queue.echo(frame(1), 1800);
  queue.expire(2700);
  queue.echo(frame(2), 2750);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}, {1, true}, {2, true}}));
}

TEST_F(Confirmed, ALostEchoDelaysThoseBehindItOnlyALittle) {
  push(3);
  send(3, 0);
  queue.echo(frame(1), 100);
  queue.echo(frame(2), 105);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  ASSERT_EQ(queue.deadline(), 100 + kGrace);
  queue.expire(100 + kGrace);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, false}, {1, true}, {2, true}}));
}

TEST_F(Confirmed, AControllerWithPrioritiesOfItsOwnLosesNothing) {
  push(3);
  send(3, 0);
  queue.echo(frame(2), 100);
  queue.echo(frame(0), 103);
  queue.echo(frame(1), 106);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}, {1, true}, {2, true}}));
}

TEST_F(Confirmed, EqualFramesAreConfirmedOneByOne) {
  for (uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(queue.push(frame(9), i));
  send(3);
  queue.echo(frame(9), 1);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}}));
  queue.echo(frame(9), 2);
  queue.echo(frame(9), 3);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{1, true}, {2, true}}));
}

// A frame that was given up may still come; its echo must not confirm a later frame
// that looks the same.
TEST_F(Confirmed, ALateEchoDoesNotConfirmALaterFrame) {
  ASSERT_TRUE(queue.push(frame(9), 0));
  send(1, 0);
  queue.expire(kPatience);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, false}}));
  ASSERT_TRUE(queue.push(frame(9), 1));
  send(1, kPatience);
  queue.echo(frame(9), kPatience + 1);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  queue.echo(frame(9), kPatience + 2);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{1, true}}));
}

TEST_F(Confirmed, FramesThatWereGivenUpMakeRoom) {
  for (uint32_t round = 0; round < 10; ++round) {
    push(8);
    EXPECT_FALSE(queue.push(frame(0), 0));
    send(8, round * kPatience);
    queue.expire((round + 1) * kPatience);
    EXPECT_EQ(reports(queue).size(), 8U);
  }
}

TEST_F(Confirmed, AForeignEchoIsCounted) {
  queue.echo(frame(3), 0);
  EXPECT_EQ(queue.counters().stray_echoes, 1U);
}

TEST_F(Confirmed, BusOffFailsEachFrameOnceInOrder) {
  push(6);
  send(2);
  ASSERT_EQ(queue.begin_batch(2), 2U);
  queue.fail_all();
  EXPECT_EQ(
      reports(queue),
      (std::vector<Sent>{{0, false}, {1, false}, {2, false}, {3, false}, {4, false}, {5, false}}));
  queue.batch_done(1, false, 0);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  EXPECT_FALSE(queue.queued()) << "failed frames are sent all the same";
  EXPECT_EQ(queue.begin_batch(4), 0U);
  push(1);
  send(1);
  queue.echo(frame(6), 1);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{6, true}}));
}

TEST_F(Confirmed, ForgottenFramesAreNeitherReportedNorSent) {
  push(5);
  send(1);
  ASSERT_EQ(queue.begin_batch(2), 2U);
  queue.forget();
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  push(1);
  queue.batch_done(0, false, 0);
  ASSERT_EQ(queue.begin_batch(4), 1U);
  EXPECT_EQ(queue.batch_frame(0), frame(5));
  queue.batch_done(1, false, 0);
  queue.echo(frame(0), 1);
  EXPECT_EQ(reports(queue), std::vector<Sent>{}) << "confirmed by a forgotten frame";
  queue.echo(frame(5), 2);
  EXPECT_EQ(reports(queue), (std::vector<Sent>{{5, true}}));
}

TEST_F(Confirmed, ANewSessionIsAsPatientAsTheFirst) {
  push(1);
  ASSERT_EQ(queue.begin_batch(4), 1U);
  queue.batch_done(0, false, 1);
  queue.forget();
  push(1);
  ASSERT_EQ(queue.begin_batch(4), 1U);
  queue.batch_done(0, false, 5 * kPatience);
  EXPECT_EQ(reports(queue), std::vector<Sent>{});
  EXPECT_TRUE(queue.queued());
}

TEST(ConfirmedPlain, WithoutEchoesAcceptanceIsTheConfirmation) {
  ConfirmedQueue queue({.capacity = 4, .echo = false});
  for (uint32_t round = 0; round < 10; ++round) {
    for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(queue.push(frame_of(1), i));
    ASSERT_EQ(queue.begin_batch(3), 3U);
    queue.batch_done(2, false, 0);
    EXPECT_EQ(reports(queue), (std::vector<Sent>{{0, true}, {1, true}}));
    ASSERT_EQ(queue.begin_batch(3), 2U);
    queue.batch_done(2, false, 0);
    EXPECT_EQ(reports(queue), (std::vector<Sent>{{2, true}, {3, true}}));
    EXPECT_EQ(queue.deadline(), std::nullopt);
  }
}

}  // namespace
}  // namespace stratos::test
