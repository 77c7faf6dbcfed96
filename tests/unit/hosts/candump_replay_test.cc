// SPDX-License-Identifier: Apache-2.0
#include "hosts/candump_replay.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hosts/listener.h"
#include "hosts/temporary_file.h"
#include "hosts/virtual_bus.h"
#include "hosts/virtual_bus_runner.h"

namespace stratos::test {
namespace {

using hosts::CandumpReplay;

class Replay : public testing::Test {
 protected:
  void SetUp() override {
    auto created = runtime::Loop::create({});
    ASSERT_TRUE(created) << created.error();
    loop = std::move(*created);
    runner = std::make_unique<hosts::VirtualBusRunner>(*loop, bus);
    ASSERT_TRUE(ear.start(listener));
  }
  std::unique_ptr<CandumpReplay> open(const std::string& log, CandumpReplay::Options options) {
    file.write(log);
    options.file = file.path();
    options.on_end = [this] { loop->stop(); };
    auto replay = CandumpReplay::open(*loop, mouth, std::move(options));
    EXPECT_TRUE(replay) << replay.error();
    return replay ? std::move(*replay) : nullptr;
  }

  TemporaryFile file;
  std::unique_ptr<runtime::Loop> loop;
  hosts::VirtualBus bus{{.tx_depth = 4}};
  hosts::VirtualBus::Port& mouth = bus.add_port("replay");
  hosts::VirtualBus::Port& ear = bus.add_port("ear");
  std::unique_ptr<hosts::VirtualBusRunner> runner;
  Listener listener;
};

std::string lines(unsigned count) {
  std::string log;
  for (unsigned i = 0; i < count; ++i) {
    char line[64];
    snprintf(line, sizeof(line), "(100.%06u) can0 123#%02X\n", i, i & 0xff);
    log += line;
  }
  return log;
}

TEST_F(Replay, PlaysEverythingInOrderAsFastAsTheBusTakesIt) {
  const auto replay = open(lines(100), {.original_timing = false, .rounds = 3});
  ASSERT_TRUE(replay);
  EXPECT_EQ(replay->size(), 100U);
  ASSERT_TRUE(replay->start());
  loop->run();
  ASSERT_EQ(listener.frames.size(), 300U);
  for (size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(listener.frames[i].payload[0], std::byte(i % 100));
  }
  EXPECT_EQ(replay->counters().played, 300U);
  EXPECT_EQ(replay->counters().rounds, 3U);
  EXPECT_FALSE(replay->running());
}

TEST_F(Replay, KeepsTheTimingOfTheLog) {
  const auto replay =
      open("(7.000000) can0 001#\n(7.020000) can0 002#\n(7.030000) can0 003#\n", {});
  ASSERT_TRUE(replay);
  std::vector<uint64_t> times;
  listener.frame_hook = [&](const can::Frame&) { times.push_back(loop->now()); };
  const uint64_t begun = loop->now();
  ASSERT_TRUE(replay->start());
  loop->run();
  ASSERT_EQ(times.size(), 3U);
  // Never early; how late depends on the machine, for each frame by itself.
  EXPECT_GE(times[1] - begun, 20'000'000U);
  EXPECT_GE(times[2] - begun, 30'000'000U);
}

TEST_F(Replay, SkipsWhatItCannotOrShallNotPlay) {
  const auto replay = open(
      "(1.000000) can0 001#\n\n(1.000001) can1 002#\n(1.000002) can0 20000004#0000\n"
      "(1.000003) can0 003#\n",
      {.interface = "can0", .original_timing = false});
  ASSERT_TRUE(replay);
  ASSERT_TRUE(replay->start());
  loop->run();
  ASSERT_EQ(listener.frames.size(), 2U);
  EXPECT_EQ(replay->counters().skipped, 2U);
}

TEST_F(Replay, AClockThatWasSetBackDoesNotHalt) {
  const auto replay = open("(9.000000) can0 001#\n(1.000000) can0 002#\n", {});
  ASSERT_TRUE(replay);
  ASSERT_TRUE(replay->start());
  loop->run();
  EXPECT_EQ(listener.frames.size(), 2U);
}

TEST_F(Replay, EndsWhenItsPortGoesBusOff) {
  const auto replay = open(lines(3), {.original_timing = false, .rounds = 0});
  ASSERT_TRUE(replay);
  listener.frame_hook = [&](const can::Frame&) { mouth.force_bus_off(); };
  ASSERT_TRUE(replay->start());
  loop->run();
  EXPECT_FALSE(replay->running());
}

TEST_F(Replay, ErrorsNameFileAndLine) {
  file.write("(1.000000) can0 001#\n\n(1.000000) can0 001#0\n");
  const auto bad = CandumpReplay::open(*loop, mouth, {.file = file.path()});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().rfind(file.path() + ":3: ", 0), 0U) << bad.error();
  const auto missing = CandumpReplay::open(*loop, mouth, {.file = "/nonexistent/log"});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("No such file"), std::string::npos) << missing.error();
  file.write("\n");
  EXPECT_FALSE(CandumpReplay::open(*loop, mouth, {.file = file.path()}));
}

}  // namespace
}  // namespace stratos::test
