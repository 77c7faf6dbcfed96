// SPDX-License-Identifier: Apache-2.0
// CAN between the interfaces of a guest, with the helper on this machine.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "can_bench.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

using CanTest = CanBench;

// Those with an id that ends so, without the FD flags that the wire does not carry.
std::vector<std::string> frames_of(const std::string& id, const std::vector<std::string>& all) {
  std::vector<std::string> some;
  for (std::string frame : all) {
    if (frame.find(id) == std::string::npos) continue;
    if (const auto flags = frame.find("##"); flags != std::string::npos) frame.erase(flags + 2, 1);
    some.push_back(std::move(frame));
  }
  return some;
}

TEST_P(CanTest, EveryKindOfFramePassesBothWays) {
  start_bench();
  EXPECT_THAT(pass_samples(a(), "can0", a(), "can1"), ElementsAreArray(samples_seen()));
  EXPECT_THAT(pass_samples(a(), "can1", a(), "can0"), ElementsAreArray(samples_seen()));
}

// The wire has no word for them: VIRTIO 1.4 knows extended, FD and remote.
TEST_P(CanTest, FdFramesLoseBitRateSwitchAndErrorState) {
  start_bench();
  Recording recording(a(), "can1", 2);
  a().must("cansend can0 123##155; cansend can0 123##255");
  EXPECT_THAT(recording.frames(), ElementsAre("123##455", "123##455"));
}

TEST_P(CanTest, TheHelpersRecordShowsWhatTheGuestSent) {
  start_bench();
  pass_samples(a(), "can0", a(), "can1");
  helper().stop();
  std::ifstream file(scratch_.logs() / "bus.log");
  const std::string log{std::istreambuf_iterator<char>(file), {}};
  for (const SampleFrame& frame : sample_frames())
    EXPECT_THAT(log, HasSubstr(std::string(frame.sent) + "\n"));
}

TEST_P(CanTest, HundredThousandFramesCrossOnceAndInOrder) {
  start_bench(2);
  expect_numbered_frames_pass(100'000);
}

TEST_P(CanTest, SequenceArrivesWholeAndInOrder) {
  constexpr size_t kFrames = 2000;
  start_bench(2);
  Recording recording(a(), "can1", kFrames);
  Job checker = a().start("cansequence -r --quit=1 can1");
  a().must(fmt::format("cansequence -p --loop={} can0", kFrames), std::chrono::seconds(120));
  EXPECT_EQ(recording.frames().size(), kFrames);
  // At the first wrong number it would have said so.
  EXPECT_THAT(checker.stop().text, Not(HasSubstr("missing")));
}

TEST_P(CanTest, RandomTrafficBothWaysAtOnceArrivesAsSent) {
  constexpr size_t kFrames = 1000;
  start_bench(2);
  // Each interface sees its own frames once they are on the bus, and those of the other.
  Recording at_can0(a(), "can0", 2 * kFrames);
  Recording at_can1(a(), "can1", 2 * kFrames);
  const std::string generate = "cangen -g 0 -m -p 1000 -n {} -I {} {}";
  Job forth = a().start(fmt::format(fmt::runtime(generate), kFrames, "100", "can0"));
  Job back = a().start(fmt::format(fmt::runtime(generate), kFrames, "200", "can1"));
  EXPECT_EQ(forth.wait(std::chrono::seconds(120)).status, 0);
  EXPECT_EQ(back.wait(std::chrono::seconds(120)).status, 0);
  const auto seen0 = at_can0.frames();
  const auto seen1 = at_can1.frames();
  for (const std::string id : {"100#", "200#"}) {
    const auto sent = frames_of(id, seen0), received = frames_of(id, seen1);
    EXPECT_EQ(sent.size(), kFrames) << id;
    EXPECT_EQ(sent, received) << "ids " << id;
  }
}

TEST_P(CanTest, TxCountersAgreeWithTheFrames) {
  start_bench();
  pass_samples(a(), "can0", a(), "can1");
  const std::string frames = std::to_string(sample_frames().size()) + "\n";
  EXPECT_EQ(a().must("cat /sys/class/net/can0/statistics/tx_packets").text, frames);
  EXPECT_EQ(a().must("cat /sys/class/net/can1/statistics/rx_packets").text, frames);
  EXPECT_EQ(a().must("cat /sys/class/net/can1/statistics/rx_dropped").text, "0\n");
}

TEST_P(CanTest, AnInterfaceThatIsDownReceivesNothingAndComesBack) {
  start_bench();
  a().must("ip link set can1 down");
  a().must("cansend can0 111#11");
  a().must("ip link set can1 up");
  expect_frames_pass();
  EXPECT_EQ(a().must("cat /sys/class/net/can1/statistics/rx_packets").text, "1\n");
}

STRATOS_ON_EACH_KERNEL(CanTest);

}  // namespace
}  // namespace stratos::guest
