// SPDX-License-Identifier: Apache-2.0
#include "hosts/virtual_bus.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "hosts/listener.h"
#include "hosts/virtual_bus_runner.h"

namespace stratos::test {
namespace {

using hosts::VirtualBus;

void pump_all(VirtualBus& bus, uint64_t now = 0) {
  while (bus.pump(now)) {
  }
}

struct Party {
  explicit Party(VirtualBus& bus, const char* name = "port") : port(bus.add_port(name)) {
    EXPECT_TRUE(port.start(listener));
  }
  Listener listener;
  VirtualBus::Port& port;
};

TEST(VirtualBus, EveryOtherStartedPortHearsAFrame) {
  VirtualBus bus({});
  Party a(bus);
  Party b(bus);
  Party c(bus);
  Party silent(bus);
  silent.port.stop();
  ASSERT_TRUE(a.port.send(frame_of(1, 5), 77));
  EXPECT_TRUE(b.listener.frames.empty()) << "delivered from within send()";
  EXPECT_TRUE(bus.ready());
  pump_all(bus);
  EXPECT_FALSE(bus.ready());
  EXPECT_EQ(b.listener.frames, std::vector{frame_of(1, 5)});
  EXPECT_EQ(c.listener.frames, std::vector{frame_of(1, 5)});
  EXPECT_TRUE(a.listener.frames.empty()) << "heard itself";
  EXPECT_TRUE(silent.listener.frames.empty());
  EXPECT_EQ(a.listener.sent, (std::vector<Listener::Sent>{{77, true}}));
}

TEST(VirtualBus, TheLowestIdentifierOfThoseAtTheHeadGoesFirst) {
  VirtualBus bus({});
  Party a(bus);
  Party b(bus);
  Party hearing(bus);
  for (const uint32_t id : {0x300U, 0x100U}) ASSERT_TRUE(a.port.send(frame_of(id), id));
  for (const uint32_t id : {0x200U, 0x050U}) ASSERT_TRUE(b.port.send(frame_of(id), id));
  pump_all(bus);
  std::vector<uint32_t> ids;
  for (const can::Frame& frame : hearing.listener.frames) ids.push_back(frame.id);
  // A port is a FIFO: 0x050 had to wait behind 0x200.
  EXPECT_EQ(ids, (std::vector<uint32_t>{0x200, 0x050, 0x300, 0x100}));
}

TEST(VirtualBus, EqualFramesGoInTheOrderOfSending) {
  VirtualBus bus({});
  Party a(bus);
  Party b(bus);
  Party hearing(bus);
  ASSERT_TRUE(b.port.send(frame_of(1, 1), 0));
  ASSERT_TRUE(a.port.send(frame_of(1, 2), 0));
  ASSERT_TRUE(b.port.send(frame_of(1, 3), 0));
  pump_all(bus);
  EXPECT_EQ(hearing.listener.frames, (std::vector{frame_of(1, 1), frame_of(1, 2), frame_of(1, 3)}));
}

TEST(VirtualBus, AFullPortTakesMoreAfterOnSent) {
  VirtualBus bus({.tx_depth = 2});
  Party a(bus);
  EXPECT_TRUE(a.port.send(frame_of(1), 0));
  EXPECT_TRUE(a.port.send(frame_of(1), 1));
  EXPECT_FALSE(a.port.send(frame_of(1), 2));
  uint32_t next = 2;
  a.listener.sent_hook = [&](can::TxToken, bool) {
    if (next < 10) {
      EXPECT_TRUE(a.port.send(frame_of(1), next++));
    }
  };
  pump_all(bus);
  ASSERT_EQ(a.listener.sent.size(), 10U);
  for (uint32_t i = 0; i < 10; ++i) EXPECT_EQ(a.listener.sent[i], (Listener::Sent{i, true}));
}

TEST(VirtualBus, AStoppedPortHearsAndReportsNothing) {
  VirtualBus bus({});
  Party a(bus);
  Party b(bus);
  ASSERT_TRUE(a.port.send(frame_of(1), 1));
  a.port.stop();
  EXPECT_FALSE(a.port.send(frame_of(1), 2));
  ASSERT_TRUE(b.port.send(frame_of(2), 3));
  pump_all(bus);
  EXPECT_TRUE(a.listener.sent.empty());
  EXPECT_TRUE(a.listener.frames.empty());
  EXPECT_TRUE(b.listener.frames.empty());
  EXPECT_EQ(b.listener.sent.size(), 1U);
}

TEST(VirtualBus, AListenerMayStopFromWithinAnyCall) {
  VirtualBus bus({});
  Party a(bus);
  Party b(bus);
  Party c(bus);
  b.listener.frame_hook = [&](const can::Frame&) {
    a.port.stop();
    b.port.stop();
    c.port.stop();
  };
  ASSERT_TRUE(a.port.send(frame_of(1), 1));
  ASSERT_TRUE(a.port.send(frame_of(1), 2));
  pump_all(bus);
  EXPECT_TRUE(a.listener.sent.empty());
  EXPECT_EQ(b.listener.frames.size(), 1U);
  EXPECT_TRUE(c.listener.frames.empty());
  EXPECT_FALSE(bus.ready());
}

TEST(VirtualBus, ForcedBusOffFailsWhatIsPendingAndStopsThePort) {
  VirtualBus bus({.rate = {.nominal = 1'000'000}});
  Party a(bus);
  Party b(bus);
  for (uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(a.port.send(frame_of(1), i));
  bus.pump(1000);
  a.port.force_bus_off();
  EXPECT_EQ(a.listener.bus_offs, 0) << "called from within a call to the bus";
  a.listener.sent_hook = [&](can::TxToken, bool) {
    EXPECT_EQ(a.listener.bus_offs, 0);
    EXPECT_FALSE(a.port.send(frame_of(1), 9));
  };
  for (uint64_t now = 2000; now < 1'000'000; now += 1000) bus.pump(now);
  EXPECT_EQ(a.listener.sent, (std::vector<Listener::Sent>{{0, false}, {1, false}, {2, false}}));
  EXPECT_EQ(a.listener.bus_offs, 1);
  EXPECT_TRUE(b.listener.frames.empty());
  EXPECT_EQ(a.port.counters().bus_offs, 1U);

  ASSERT_TRUE(b.port.send(frame_of(2), 0));
  bus.pump(2'000'000);
  bus.pump(3'000'000);
  EXPECT_TRUE(a.listener.frames.empty());
  a.listener.sent_hook = nullptr;
  ASSERT_TRUE(a.port.start(a.listener));
  ASSERT_TRUE(a.port.send(frame_of(1, 8), 4));
  bus.pump(4'000'000);
  bus.pump(5'000'000);
  EXPECT_EQ(b.listener.frames, std::vector{frame_of(1, 8)});
}

TEST(VirtualBus, FramesCanBeMadeToFailOrToGetLost) {
  VirtualBus bus({});
  Party a(bus);
  Party b(bus);
  Party c(bus);
  a.port.fail_next(1);
  b.port.lose_next(1);
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(a.port.send(frame_of(1, static_cast<uint8_t>(i)), i));
  }
  pump_all(bus);
  EXPECT_EQ(a.listener.sent, (std::vector<Listener::Sent>{{0, false}, {1, true}, {2, true}}));
  EXPECT_EQ(b.listener.frames, std::vector{frame_of(1, 2)});
  EXPECT_EQ(c.listener.frames, (std::vector{frame_of(1, 1), frame_of(1, 2)}));
  EXPECT_EQ(a.port.counters().failed, 1U);
  EXPECT_EQ(b.port.counters().lost, 1U);
}

TEST(VirtualBusOverload, AllWaitForAPortThatHolds) {
  VirtualBus bus({.overload = std::chrono::nanoseconds(100)});
  Party sender(bus);
  Party slow(bus);
  slow.listener.frame_hook = [&](const can::Frame&) { slow.port.hold(); };
  for (const uint32_t id : {1U, 2U}) ASSERT_TRUE(sender.port.send(frame_of(id), id));
  pump_all(bus, 1000);
  EXPECT_EQ(slow.listener.frames.size(), 1U) << "no frame begins";
  EXPECT_TRUE(sender.listener.sent.empty()) << "nor is one acknowledged that may still be lost";
  EXPECT_FALSE(bus.ready());
  EXPECT_EQ(bus.deadline(), 1100U);
  pump_all(bus, 1099);
  EXPECT_EQ(slow.listener.frames.size(), 1U);
  slow.port.release();
  EXPECT_TRUE(bus.ready());
  pump_all(bus, 1099);
  EXPECT_EQ(slow.listener.frames.size(), 2U);
  EXPECT_EQ(sender.listener.sent.size(), 1U) << "the second one is held as well";
  slow.port.release();
  pump_all(bus, 1099);
  EXPECT_EQ(sender.listener.sent.size(), 2U);
  EXPECT_EQ(bus.deadline(), std::nullopt) << "nobody waits";
  EXPECT_EQ(slow.port.counters().overloads, 2U);
}

TEST(VirtualBusOverload, ItEndsAndThenNobodyWaitsForThatPort) {
  VirtualBus bus({.overload = std::chrono::nanoseconds(100)});
  Party sender(bus);
  Party stuck(bus);
  stuck.listener.frame_hook = [&](const can::Frame&) {
    if (stuck.listener.frames.size() == 1) stuck.port.hold();
  };
  for (uint32_t id = 1; id <= 3; ++id) ASSERT_TRUE(sender.port.send(frame_of(id), id));
  pump_all(bus, 1000);
  EXPECT_TRUE(sender.listener.sent.empty());
  EXPECT_EQ(bus.deadline(), 1100U);
  pump_all(bus, 1100);
  EXPECT_EQ(sender.listener.sent.size(), 3U) << "without any further delay";
}

TEST(VirtualBusOverload, APortThatStopsDelaysNobody) {
  VirtualBus bus({.overload = std::chrono::nanoseconds(100)});
  Party sender(bus);
  Party gone(bus);
  gone.port.hold();
  ASSERT_TRUE(sender.port.send(frame_of(1), 1));
  pump_all(bus);
  EXPECT_TRUE(sender.listener.sent.empty());
  gone.port.stop();
  pump_all(bus);
  EXPECT_EQ(sender.listener.sent.size(), 1U);
}

TEST(VirtualBusOverload, TheWireBeginsAnewAfterwards) {
  VirtualBus bus({.rate = {.nominal = 1'000'000}, .overload = std::chrono::milliseconds(1)});
  Party sender(bus);
  Party slow(bus);
  ASSERT_TRUE(sender.port.send(frame_of(1), 1));
  slow.port.hold();
  pump_all(bus);
  ASSERT_EQ(bus.deadline(), 1'000'000U);
  pump_all(bus, 1'000'000);
  EXPECT_GT(bus.deadline(), 1'000'000U);
}

TEST(VirtualBusTimed, AFrameOccupiesTheBusForItsTime) {
  VirtualBus bus({.rate = {.nominal = 1'000'000}});
  Party a(bus);
  Party b(bus);
  const auto time =
      static_cast<uint64_t>(hosts::frame_time(frame_of(1), {.nominal = 1'000'000}).count());
  ASSERT_TRUE(a.port.send(frame_of(1, 1), 0));
  ASSERT_TRUE(a.port.send(frame_of(1, 2), 1));
  EXPECT_FALSE(bus.pump(1000));
  ASSERT_EQ(bus.deadline(), 1000 + time);
  EXPECT_FALSE(bus.pump(1000 + time - 1));
  EXPECT_TRUE(bus.pump(1000 + time));
  EXPECT_EQ(b.listener.frames.size(), 1U);
  // A late call does not make the bus slower than it is.
  EXPECT_EQ(bus.deadline(), 1000 + 2 * time);
  EXPECT_TRUE(bus.pump(1000 + 2 * time + 12345));
  EXPECT_EQ(b.listener.frames.size(), 2U);
  EXPECT_EQ(bus.deadline(), std::nullopt);
  // But a frame that was sent later begins later.
  ASSERT_TRUE(a.port.send(frame_of(1, 3), 2));
  bus.pump(10'000'000);
  EXPECT_EQ(bus.deadline(), 10'000'000 + time);
}

TEST(VirtualBusTimed, AFrameOnTheWireIsNotInterrupted) {
  VirtualBus bus({.rate = {.nominal = 1'000'000}});
  Party a(bus);
  Party b(bus);
  Party hearing(bus);
  ASSERT_TRUE(a.port.send(frame_of(0x700), 0));
  bus.pump(0);
  ASSERT_TRUE(a.port.send(frame_of(0x600), 1));
  ASSERT_TRUE(b.port.send(frame_of(0x100), 0));
  for (uint64_t now = 1000; now < 1'000'000; now += 1000) bus.pump(now);
  std::vector<uint32_t> ids;
  for (const can::Frame& frame : hearing.listener.frames) ids.push_back(frame.id);
  EXPECT_EQ(ids, (std::vector<uint32_t>{0x700, 0x100, 0x600}));
}

TEST(VirtualBusTimed, CarriesAsMuchAsTheRateAllows) {
  VirtualBus bus({.rate = {.nominal = 500'000}});
  Party a(bus);
  Party b(bus);
  can::Frame frame{.id = 1, .length = 8};
  a.listener.sent_hook = [&](can::TxToken, bool) { a.port.send(frame, 0); };
  // Enough to keep the bus busy between two calls.
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(a.port.send(frame, 0));
  constexpr uint64_t kSecond = 1'000'000'000;
  for (uint64_t now = 0; now <= kSecond; now += 777'777) pump_all(bus, now);
  // 135 bits each.
  EXPECT_NEAR(static_cast<double>(b.listener.frames.size()), 500'000.0 / 135, 4);
}

// One of 64 participants: sends, and checks that it hears all others completely.
class Participant final : public can::BusListener {
 public:
  Participant(VirtualBus::Port& port, uint32_t number, uint32_t parties, uint32_t frames)
      : port_(port), number_(number), frames_(frames), expected_(parties) {}

  void fill() {
    while (next_ < frames_) {
      can::Frame frame{.id = number_ * 16, .length = 4};
      for (unsigned i = 0; i < 4; ++i) frame.payload[i] = std::byte(next_ >> (8 * i) & 0xff);
      if (!port_.send(frame, next_)) return;
      ++next_;
    }
  }
  void on_frame(const can::Frame& frame) override {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      value |= std::to_integer<uint32_t>(frame.payload[i]) << (8 * i);
    }
    if (value == expected_[frame.id / 16]) {
      ++expected_[frame.id / 16];
    } else {
      ++wrong;
    }
  }
  void on_sent(can::TxToken token, bool ok) override {
    if (!ok || token != acknowledged++) ++wrong;
    fill();
  }
  void on_bus_off() override { ++wrong; }

  bool complete() const {
    for (uint32_t i = 0; i < expected_.size(); ++i) {
      if (i != number_ && expected_[i] != frames_) return false;
    }
    return expected_[number_] == 0 && acknowledged == frames_;
  }

  uint32_t wrong = 0;
  uint32_t acknowledged = 0;

 private:
  VirtualBus::Port& port_;
  const uint32_t number_;
  const uint32_t frames_;
  uint32_t next_ = 0;
  std::vector<uint32_t> expected_;
};

TEST(VirtualBusLoad, AMillionFramesOf64PortsAreNeitherLostNorDoubledNorReordered) {
  constexpr uint32_t kParties = 64;
  constexpr uint32_t kFrames = 15625;  // each: a million in all
  VirtualBus bus({.tx_depth = 16});
  std::deque<Participant> parties;
  for (uint32_t i = 0; i < kParties; ++i) {
    VirtualBus::Port& port = bus.add_port("party");
    Participant& party = parties.emplace_back(port, i, kParties, kFrames);
    ASSERT_TRUE(port.start(party));
  }
  for (Participant& party : parties) party.fill();
  pump_all(bus);
  EXPECT_EQ(bus.frames(), uint64_t{kParties} * kFrames);
  for (const Participant& party : parties) {
    EXPECT_EQ(party.wrong, 0U);
    EXPECT_TRUE(party.complete());
  }
}

TEST(VirtualBusRunner, DeliversInALoopAndLetsItSleep) {
  auto loop = runtime::Loop::create({});
  ASSERT_TRUE(loop) << loop.error();
  VirtualBus bus({.rate = {.nominal = 125'000}});
  hosts::VirtualBusRunner runner(**loop, bus);
  Party a(bus);
  Party b(bus);
  b.listener.frame_hook = [&](const can::Frame&) {
    if (b.listener.frames.size() == 20) (*loop)->stop();
  };
  for (uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(a.port.send(frame_of(1), i));
  (*loop)->run();
  EXPECT_EQ(b.listener.frames.size(), 20U);
  EXPECT_LT((*loop)->counters().turns, 500U) << "the loop spins while a frame is on the wire";
}

}  // namespace
}  // namespace stratos::test
