// SPDX-License-Identifier: Apache-2.0
// The adapter on a socket pair, whose other end plays the kernel; on a real interface it
// is tested in guests.

#include "hosts/socketcan.h"

#include <gtest/gtest.h>
#include <linux/can/error.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "hosts/listener.h"
#include "hosts/socket_pair.h"
#include "hosts/socketcan_frame.h"
#include "runtime/timer.h"

namespace stratos::test {
namespace {

using hosts::from_socket;
using hosts::Socketcan;
using hosts::to_socket;

struct FrameCase {
  const char* name;
  can::Frame frame;
  canid_t id;
  size_t size;
};

class SocketFrames : public testing::TestWithParam<FrameCase> {};

TEST_P(SocketFrames, GoThereAndBack) {
  can::Frame frame = GetParam().frame;
  if (!frame.remote) {
    for (size_t i = 0; i < frame.length; ++i) frame.payload[i] = std::byte(i + 1);
  }
  const auto wire = to_socket(frame, false);
  EXPECT_EQ(wire.frame.can_id, GetParam().id);
  EXPECT_EQ(wire.size, GetParam().size);
  EXPECT_EQ(wire.frame.len, frame.length);
  EXPECT_EQ(wire.frame.flags, 0);
  const auto back = from_socket(wire.bytes());
  ASSERT_TRUE(back.frame);
  EXPECT_EQ(*back.frame, frame);
  EXPECT_FALSE(back.errors);
}

const FrameCase kFrames[] = {
    {"Standard", {.id = 0x123, .length = 8}, 0x123, CAN_MTU},
    {"Empty", {.id = 0}, 0, CAN_MTU},
    {"Extended", {.id = 0x123, .extended = true, .length = 1}, 0x80000123, CAN_MTU},
    {"Remote", {.id = 0x7ff, .remote = true, .length = 4}, 0x400007ff, CAN_MTU},
    {"ExtendedRemote", {.id = 0x1fffffff, .extended = true, .remote = true}, 0xdfffffff, CAN_MTU},
    {"Fd", {.id = 0x123, .fd = true, .length = 64}, 0x123, CANFD_MTU},
    {"ShortFd", {.id = 0x123, .extended = true, .fd = true, .length = 3}, 0x80000123, CANFD_MTU},
};
INSTANTIATE_TEST_SUITE_P(Cases, SocketFrames, testing::ValuesIn(kFrames),
                         [](const auto& row) { return row.param.name; });

TEST(SocketFrame, BitRateSwitchIsForFdFrames) {
  EXPECT_EQ(to_socket({.id = 1, .fd = true}, true).frame.flags, CANFD_BRS);
  EXPECT_EQ(to_socket({.id = 1}, true).frame.flags, 0);
}

TEST(SocketFrame, ErrorReportsAreNoFrames) {
  canfd_frame raw{};
  raw.can_id = CAN_ERR_FLAG | CAN_ERR_BUSOFF;
  raw.len = CAN_ERR_DLC;
  const auto bytes = std::as_bytes(std::span(&raw, 1)).first(CAN_MTU);
  auto report = from_socket(bytes);
  EXPECT_FALSE(report.frame);
  ASSERT_TRUE(report.errors);
  EXPECT_TRUE(report.errors->bus_off);
  EXPECT_FALSE(report.errors->restarted);
  raw.can_id = CAN_ERR_FLAG | CAN_ERR_RESTARTED;
  report = from_socket(bytes);
  EXPECT_TRUE(report.errors->restarted);
}

TEST(SocketFrame, NonsenseIsNothing) {
  canfd_frame raw{};
  const auto bytes = std::as_bytes(std::span(&raw, 1));
  EXPECT_FALSE(from_socket({}).frame);
  EXPECT_FALSE(from_socket(bytes.first(15)).frame);
  raw.len = 9;
  EXPECT_FALSE(from_socket(bytes.first(CAN_MTU)).frame);
  EXPECT_FALSE(from_socket(bytes.first(CANFD_MTU)).frame);
  raw.len = 65;
  EXPECT_FALSE(from_socket(bytes.first(CANFD_MTU)).frame);
}

class FakeCanSocket final : public hosts::CanSocket {
 public:
  FakeCanSocket(int fd, bool& is_up, bool& listens) : fd_(fd), up_(is_up), listens_(listens) {}
  int fd() const override { return fd_; }
  bool fd_frames() const override { return true; }
  bool up() const override { return up_; }
  void listen(bool on) override { listens_ = on; }

 private:
  const int fd_;
  bool& up_;
  bool& listens_;
};

class SocketcanBus : public testing::Test {
 protected:
  void SetUp() override {
    auto created = runtime::Loop::create({});
    ASSERT_TRUE(created) << created.error();
    loop = std::move(*created);
  }
  void open(Socketcan::Options options) {
    options.interface = "test0";
    bus = std::make_unique<Socketcan>(
        *loop, options, std::make_unique<FakeCanSocket>(pair.ours.get(), up, listens));
  }
  void hear(const can::Frame& frame) { ASSERT_TRUE(pair.write(to_socket(frame, false).bytes())); }
  void hear_error(uint32_t what) {
    canfd_frame raw{};
    raw.can_id = CAN_ERR_FLAG | what;
    raw.len = CAN_ERR_DLC;
    ASSERT_TRUE(pair.write(std::as_bytes(std::span(&raw, 1)).first(CAN_MTU)));
  }
  template <typename Condition>
  void run_until(Condition done) {
    while (!done()) loop->turn(true);
  }

  SocketPair pair;
  std::unique_ptr<runtime::Loop> loop;
  bool up = true;
  bool listens = false;
  Listener listener;
  std::unique_ptr<Socketcan> bus;
};

TEST_F(SocketcanBus, HearsFramesWhileItIsStarted) {
  open({.echo = false});
  EXPECT_TRUE(bus->capabilities().fd);
  hear(frame_of(1));
  for (int i = 0; i < 3; ++i) loop->turn(false);
  ASSERT_TRUE(bus->start(listener));
  EXPECT_TRUE(listens);
  hear(frame_of(2, 7));
  run_until([&] { return !listener.frames.empty(); });
  EXPECT_EQ(listener.frames, std::vector{frame_of(2, 7)});
  bus->stop();
  EXPECT_FALSE(listens);
  EXPECT_EQ(bus->counters().rx, 1U);
}

TEST_F(SocketcanBus, HoldsFramesBackUntilTheyAreReleased) {
  open({.echo = false});
  ASSERT_TRUE(bus->start(listener));
  listener.frame_hook = [&](const can::Frame&) { bus->hold(); };
  for (uint8_t i = 0; i < 5; ++i) hear(frame_of(1, i));
  for (size_t i = 0; i < 5; ++i) {
    run_until([&] { return listener.frames.size() == i + 1; });
    for (int turn = 0; turn < 3; ++turn) loop->turn(false);
    ASSERT_EQ(listener.frames.size(), i + 1) << "not held back";
    EXPECT_EQ(listener.frames.back(), frame_of(1, static_cast<uint8_t>(i)));
    bus->release();
  }
}

TEST_F(SocketcanBus, WhatWasHeldBackIsNothingForTheNextStart) {
  open({.echo = false});
  ASSERT_TRUE(bus->start(listener));
  bus->hold();
  hear(frame_of(1));
  for (int i = 0; i < 3; ++i) loop->turn(false);
  hear(frame_of(2));
  bus->stop();
  for (int i = 0; i < 3; ++i) loop->turn(false);
  ASSERT_TRUE(bus->start(listener));
  hear(frame_of(3));
  run_until([&] { return !listener.frames.empty(); });
  EXPECT_EQ(listener.frames, std::vector{frame_of(3)});
}

// Its echo may wait behind frames that nobody takes.
TEST_F(SocketcanBus, NoEchoIsOverdueWhileFramesAreHeldBack) {
  constexpr auto kPatience = std::chrono::milliseconds(20);
  open({.echo = true, .echo_patience = kPatience});
  ASSERT_TRUE(bus->start(listener));
  bus->hold();
  ASSERT_TRUE(bus->send(frame_of(1), 7));
  bus->flush();
  bool over = false;
  runtime::Timer much_later(*loop, [&] { over = true; });
  much_later.start_once(5 * kPatience);
  run_until([&] { return over; });
  EXPECT_TRUE(listener.sent.empty());
  const uint64_t released = loop->now();
  bus->release();
  run_until([&] { return !listener.sent.empty(); });
  EXPECT_GE(std::chrono::nanoseconds(loop->now() - released), kPatience);
  EXPECT_EQ(listener.sent, (std::vector<Listener::Sent>{{7, false}}));
}

TEST_F(SocketcanBus, AnInterfaceThatIsDownCannotBeStarted) {
  open({.echo = false});
  up = false;
  EXPECT_FALSE(bus->start(listener));
  EXPECT_FALSE(bus->send(frame_of(1), 0));
  up = true;
  EXPECT_TRUE(bus->start(listener));
}

// The socket pair holds few datagrams, like the queue of an interface.
TEST_F(SocketcanBus, AFullQueueDelaysAndLosesNothing) {
  open({.echo = false});
  ASSERT_TRUE(bus->start(listener));
  constexpr uint32_t kCount = 2000;
  uint32_t pushed = 0;
  const auto push = [&] {
    while (pushed < kCount && bus->send(frame_of(1, static_cast<uint8_t>(pushed)), pushed)) {
      ++pushed;
    }
    bus->flush();
  };
  listener.sent_hook = [&](can::TxToken, bool) { push(); };
  push();
  uint32_t seen = 0;
  run_until([&] {
    // The other side begins to read once the first frame was refused.
    if (bus->counters().tx_waits == 0) return false;
    for (auto bytes = pair.read(); !bytes.empty(); bytes = pair.read()) {
      const auto received = from_socket(bytes);
      EXPECT_TRUE(received.frame);
      EXPECT_EQ(received.frame->payload[0], std::byte(seen & 0xff));
      ++seen;
    }
    return seen == kCount && listener.sent.size() == kCount;
  });
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(listener.sent[i], (Listener::Sent{i, true}));
  }
}

TEST_F(SocketcanBus, WithoutEchoesEveryFrameIsGivenBackInTime) {
  open({.echo = true, .echo_patience = std::chrono::milliseconds(20)});
  ASSERT_TRUE(bus->start(listener));
  for (uint32_t i = 0; i < 5; ++i) ASSERT_TRUE(bus->send(frame_of(1), i));
  bus->flush();
  run_until([&] { return listener.sent.size() == 5; });
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(listener.sent[i], (Listener::Sent{i, false}));
  EXPECT_EQ(bus->echo_counters().unconfirmed, 5U);
}

TEST_F(SocketcanBus, AnInterfaceThatTakesNothingKeepsNoFrameForEver) {
  open({.echo = false, .echo_patience = std::chrono::milliseconds(20)});
  ASSERT_TRUE(bus->start(listener));
  for (uint32_t i = 0; i < 40; ++i) ASSERT_TRUE(bus->send(frame_of(1), i));
  bus->flush();
  run_until([&] { return listener.sent.size() == 40; });
  for (uint32_t i = 0; i < 40; ++i) EXPECT_EQ(listener.sent[i].token, i);
  EXPECT_TRUE(listener.sent.front().ok);
  EXPECT_FALSE(listener.sent.back().ok);
}

TEST_F(SocketcanBus, BusOffFailsWhatIsUnderWayAndThenTells) {
  open({.echo = true});
  ASSERT_TRUE(bus->start(listener));
  for (uint32_t i = 0; i < 40; ++i) ASSERT_TRUE(bus->send(frame_of(1), i));
  bus->flush();
  listener.sent_hook = [&](can::TxToken, bool) {
    EXPECT_EQ(listener.bus_offs, 0);
    EXPECT_FALSE(bus->send(frame_of(1), 99));
  };
  hear_error(CAN_ERR_BUSOFF);
  run_until([&] { return listener.bus_offs == 1; });
  ASSERT_EQ(listener.sent.size(), 40U);
  for (uint32_t i = 0; i < 40; ++i) EXPECT_EQ(listener.sent[i], (Listener::Sent{i, false}));
  hear(frame_of(5));
  hear_error(CAN_ERR_RESTARTED);
  for (int i = 0; i < 5; ++i) loop->turn(false);
  EXPECT_TRUE(listener.frames.empty());
  EXPECT_EQ(listener.bus_offs, 1);
  EXPECT_TRUE(bus->start(listener));
}

TEST_F(SocketcanBus, StopForgetsWhatIsUnderWay) {
  open({.echo = true, .echo_patience = std::chrono::milliseconds(5)});
  ASSERT_TRUE(bus->start(listener));
  for (uint32_t i = 0; i < 40; ++i) ASSERT_TRUE(bus->send(frame_of(1), i));
  bus->flush();
  bus->stop();
  ASSERT_TRUE(bus->start(listener));
  ASSERT_TRUE(bus->send(frame_of(2), 77));
  bus->flush();
  run_until([&] { return !listener.sent.empty(); });
  EXPECT_EQ(listener.sent, (std::vector<Listener::Sent>{{77, false}}));
}

TEST_F(SocketcanBus, AListenerMayStopWhileItHearsOfBusOff) {
  open({.echo = false});
  ASSERT_TRUE(bus->start(listener));
  ASSERT_TRUE(bus->send(frame_of(1), 1));
  listener.sent_hook = [&](can::TxToken, bool) { bus->stop(); };
  hear_error(CAN_ERR_BUSOFF);
  bus->flush();
  run_until([&] { return !listener.sent.empty(); });
  for (int i = 0; i < 5; ++i) loop->turn(false);
  EXPECT_EQ(listener.bus_offs, 0) << "told although it had stopped";
}

TEST(SocketcanOpen, ExplainsWhatIsMissing) {
  auto loop = runtime::Loop::create({});
  ASSERT_TRUE(loop) << loop.error();
  const auto bus = Socketcan::open(**loop, {.interface = "nosuchcan0"});
  ASSERT_FALSE(bus);
  EXPECT_EQ(bus.error().find('\n'), std::string::npos);
  EXPECT_EQ(bus.error().rfind("nosuchcan0: ", 0), 0U) << bus.error();
}

}  // namespace
}  // namespace stratos::test
