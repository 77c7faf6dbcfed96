// SPDX-License-Identifier: Apache-2.0
#include "hosts/candump_record.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "hosts/candump_log.h"
#include "hosts/listener.h"
#include "hosts/temporary_file.h"
#include "hosts/virtual_bus.h"

namespace stratos::test {
namespace {

using hosts::CandumpRecorder;

class Record : public testing::Test {
 protected:
  void SetUp() override {
    auto created = runtime::Loop::create({});
    ASSERT_TRUE(created) << created.error();
    loop = std::move(*created);
    ASSERT_TRUE(mouth.start(listener));
  }
  std::unique_ptr<CandumpRecorder> open(size_t buffer_size = 1 << 16) {
    auto recorder = CandumpRecorder::open(
        *loop, ear, {.file = file.path(), .interface = "vcan7", .buffer_size = buffer_size});
    EXPECT_TRUE(recorder) << recorder.error();
    return std::move(*recorder);
  }
  void say(uint32_t value) {
    ASSERT_TRUE(mouth.send(frame_of(value & 0x7ff, static_cast<uint8_t>(value)), 0));
    while (bus.pump(0)) {
    }
  }
  std::vector<can::Frame> logged() const {
    std::vector<can::Frame> frames;
    std::istringstream text(file.read());
    std::string line;
    while (std::getline(text, line)) {
      const auto entry = hosts::parse_log_line(line);
      EXPECT_TRUE(entry) << line;
      if (!entry) continue;
      EXPECT_EQ(entry->interface, "vcan7");
      frames.push_back(entry->frame);
    }
    return frames;
  }

  TemporaryFile file;
  std::unique_ptr<runtime::Loop> loop;
  hosts::VirtualBus bus{{}};
  hosts::VirtualBus::Port& mouth = bus.add_port("mouth");
  hosts::VirtualBus::Port& ear = bus.add_port("recorder");
  Listener listener;
};

TEST_F(Record, WritesWhatItHears) {
  auto recorder = open();
  for (uint32_t i = 0; i < 5; ++i) say(i);
  while (logged().size() < 5) loop->turn(true);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(logged()[i], frame_of(i, static_cast<uint8_t>(i)));
  EXPECT_EQ(recorder->counters().recorded, 5U);
}

TEST_F(Record, LosesNothingAtTheEndAndAppendsLater) {
  for (uint32_t round = 0; round < 3; ++round) {
    auto recorder = open();
    for (uint32_t i = 0; i < 100; ++i) {
      say(round * 100 + i);
      if (i == 50) loop->turn(false);
    }
  }
  const auto frames = logged();
  ASSERT_EQ(frames.size(), 300U);
  for (uint32_t i = 0; i < 300; ++i) EXPECT_EQ(frames[i].id, i);
}

TEST_F(Record, ASlowDiskCostsFramesOfTheLogOnly) {
  auto recorder = open(10 * hosts::kMaxLogLine);
  for (uint32_t i = 0; i < 1000; ++i) say(i);
  EXPECT_GT(recorder->counters().lost, 0U);
  EXPECT_EQ(recorder->counters().lost + recorder->counters().recorded, 1000U);
  EXPECT_EQ(listener.sent.size(), 1000U);
  const uint64_t recorded = recorder->counters().recorded;
  recorder.reset();
  EXPECT_EQ(logged().size(), recorded);
}

TEST_F(Record, GoesOnAfterBusOff) {
  auto recorder = open();
  ear.force_bus_off();
  bus.pump(0);
  say(1);
  EXPECT_EQ(recorder->counters().recorded, 1U);
}

TEST_F(Record, ErrorsAreExplained) {
  const auto missing = CandumpRecorder::open(*loop, ear, {.file = "/nonexistent/log"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "/nonexistent/log: No such file or directory");
  const auto device = CandumpRecorder::open(*loop, ear, {.file = "/dev/null"});
  ASSERT_FALSE(device);
  EXPECT_NE(device.error().find("regular file"), std::string::npos);
}

}  // namespace
}  // namespace stratos::test
