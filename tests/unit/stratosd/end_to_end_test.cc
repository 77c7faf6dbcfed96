// SPDX-License-Identifier: Apache-2.0
// stratos-hub and stratosd as they are installed, sandbox and all, and two guests with
// CAN devices on one virtual bus.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/virtio_msg.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "stratosd/can_guest.h"
#include "stratosd/notified_process.h"
#include "stratosd/subprocess.h"
#include "virtio/endian.h"

namespace stratos::daemon {
namespace {

using nlohmann::json;
using test::CanGuest;
using test::NotifiedProcess;
using test::run_program;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kRegionSize = 4 << 20;
constexpr int kShortTimeout = 300;

class EndToEndTest : public ::testing::Test {
 protected:
  EndToEndTest() { write_config(""); }

  // `bus_keys` go to the [[bus]].
  void write_config(const std::string& bus_keys, int hub_timeout_ms = 10'000) {
    std::ofstream(config()) << "[stratosd]\ncontrol_socket = \"" << scratch_.file("control")
                            << "\"\nhub_timeout_ms = " << hub_timeout_ms
                            << "\n[[bus]]\nname = \"body\"\ntype = \"virtual\"\n"
                            << bus_keys << link_and_device("a") << link_and_device("b");
  }
  std::string config() const { return scratch_.file("stratosd.toml"); }
  std::string link_and_device(const std::string& name) const {
    return "[[link]]\nname = \"" + name + "\"\ntype = \"shm\"\nsocket = \"" +
           scratch_.file(name + ".device") + "\"\n[[device]]\nname = \"can-" + name +
           "\"\ntype = \"can\"\nlink = \"" + name + "\"\nnumber = 0\nbus = \"body\"\n";
  }
  std::string hub_link(const std::string& name) const {
    return "name=" + name + ",size=" + std::to_string(kRegionSize) +
           ",driver-socket=" + scratch_.file(name + ".driver") +
           ",device-socket=" + scratch_.file(name + ".device");
  }

  void start_hub() {
    hub_ = std::make_unique<NotifiedProcess>(
        scratch_, "hub",
        std::vector<std::string>{STRATOS_HUB_PATH, "--link", hub_link("a"), "--link",
                                 hub_link("b")});
    ASSERT_TRUE(hub_->ready()) << hub_->log();
  }
  void start_daemon(std::vector<std::string> environment = {}) {
    daemon_.reset();
    daemon_ = std::make_unique<NotifiedProcess>(
        scratch_, "stratosd", std::vector<std::string>{STRATOSD_PATH, "--config", config()},
        std::move(environment));
    ASSERT_TRUE(daemon_->ready()) << daemon_->log();
  }
  void start_guests() {
    a_ = std::make_unique<CanGuest>(scratch_.file("a.driver"), kRegionSize);
    b_ = std::make_unique<CanGuest>(scratch_.file("b.driver"), kRegionSize);
    ASSERT_TRUE(a_->come_up()) << daemon_->log();
    ASSERT_TRUE(b_->come_up()) << daemon_->log();
  }

  // Serves the guests that are there until `done`, which may do something once it can; false
  // if it takes too long.
  bool serve_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      if (a_) a_->poll();
      b_->poll();
      b_->sleep();
    }
    return true;
  }

  json ask(const std::string& what) {
    const auto result =
        run_program({STRATOSCTL_PATH, "--socket", scratch_.file("control"), "--json", what});
    EXPECT_EQ(result.exit_code, 0) << result.errors << daemon_->log();
    return json::parse(result.output, nullptr, false);
  }

  hub::ScratchDirectory scratch_;
  std::unique_ptr<NotifiedProcess> hub_;
  std::unique_ptr<NotifiedProcess> daemon_;
  std::unique_ptr<CanGuest> a_;
  std::unique_ptr<CanGuest> b_;
};

size_t lines_with(const std::string& text, const std::string& part) {
  std::istringstream stream(text);
  size_t count = 0;
  for (std::string line; std::getline(stream, line);) count += line.find(part) != line.npos;
  return count;
}

void pretend_revision(CanGuest& guest, uint16_t revision) {
  virtio::store_le<uint16_t>(&guest.driver().region()[offsetof(virtio_msg_amp_layout, version)],
                             revision);
}

TEST_F(EndToEndTest, FramesGoFromGuestToGuestAndAreCounted) {
  start_hub();
  start_daemon();
  start_guests();
  constexpr uint32_t kFrames = 200;
  uint32_t sent = 0;
  ASSERT_TRUE(serve_until([&] {
    while (sent < kFrames && a_->send(sent)) ++sent;
    return b_->heard().size() == kFrames && a_->results().size() == kFrames;
  })) << daemon_->log();
  ASSERT_TRUE(b_->send(7));
  ASSERT_TRUE(serve_until([&] { return a_->heard().size() == 1 && b_->results().size() == 1; }));

  for (uint32_t i = 0; i < kFrames; ++i) EXPECT_EQ(b_->heard()[i], i);
  EXPECT_TRUE(std::ranges::all_of(a_->results(), [](const auto& r) { return r.second == 0; }));

  const json status = ask("status");
  EXPECT_EQ(status["links"][0]["state"], "run");
  EXPECT_EQ(status["devices"][0]["status"], "driver-ok");
  EXPECT_THAT(status["devices"][0]["features"],
              ::testing::ElementsAre("classic", "fd", "rtr", "late_tx_ack"));

  const json stats = ask("stats");
  EXPECT_EQ(stats["links"].size(), 2u);
  EXPECT_EQ(stats["links"][1]["messages_malformed"], 0);
  EXPECT_EQ(stats["buses"][0]["frames"], kFrames + 1);
  const json& device = stats["devices"][0];
  EXPECT_EQ(device["model"]["tx"], kFrames);
  EXPECT_EQ(device["model"]["rx"], 1);
  EXPECT_EQ(device["queues"][0]["name"], "tx");
  EXPECT_EQ(device["queues"][0]["used"], kFrames);
  EXPECT_EQ(stats["devices"][1]["model"]["rx"], kFrames);
  EXPECT_GT(stats["loop"]["turns"], 0);
}

TEST_F(EndToEndTest, ABadRequestCostsNobodyElseAnything) {
  start_hub();
  start_daemon();
  start_guests();
  ASSERT_TRUE(a_->send_nonsense());
  ASSERT_TRUE(a_->send(1));
  ASSERT_TRUE(serve_until([&] { return b_->heard().size() == 1 && a_->results().size() == 2; }));
  EXPECT_EQ(a_->results().at(UINT32_MAX), 1) << "NOT_OK";
  EXPECT_EQ(ask("stats")["devices"][0]["model"]["tx_rejected"], 1);
}

// The promise of the hub: the helper may be killed at any moment.
TEST_F(EndToEndTest, NothingAcknowledgedIsLostWhenTheDaemonIsKilled) {
  start_hub();
  start_daemon();
  start_guests();
  constexpr int kKills = 8;
  std::mt19937 random(::testing::UnitTest::GetInstance()->random_seed());
  uint32_t sent = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    // Traffic flows again before the next blow, which comes at any moment.
    const size_t heard = b_->heard().size();
    ASSERT_TRUE(serve_until([&] {
      while (a_->send(sent)) ++sent;
      return b_->heard().size() > heard;
    })) << daemon_->log();
    std::atomic<bool> killed = false;
    std::thread killer([&, delay = std::chrono::microseconds(random() % 2000)] {
      std::this_thread::sleep_for(delay);
      daemon_->process().signal(SIGKILL);
      killed = true;
    });
    EXPECT_TRUE(serve_until([&] {
      while (a_->send(sent)) ++sent;
      return killed.load();
    }));
    killer.join();
    EXPECT_EQ(daemon_->process().wait(), -SIGKILL);
    start_daemon();
  }
  ASSERT_TRUE(serve_until([&] { return a_->results().size() == sent; })) << daemon_->log();

  // Both guests saw pauses and nothing else.
  EXPECT_EQ(a_->driver().status(), virtio::LinkStatus::kRun);
  EXPECT_EQ(b_->driver().status(), virtio::LinkStatus::kRun);
  std::vector<uint32_t> heard = b_->heard();
  std::ranges::sort(heard);
  heard.erase(std::ranges::unique(heard).begin(), heard.end());
  for (const auto& [number, result] : a_->results()) {
    EXPECT_EQ(result, 0) << "frame " << number;
    EXPECT_TRUE(std::ranges::binary_search(heard, number)) << "frame " << number << " is lost";
  }
}

TEST_F(EndToEndTest, SigtermLeavesTheLinksToASuccessor) {
  start_hub();
  start_daemon();
  start_guests();
  daemon_->process().signal(SIGTERM);
  EXPECT_TRUE(daemon_->heard("STOPPING=1")) << daemon_->log();
  EXPECT_EQ(daemon_->process().wait(), 0) << daemon_->log();
  ASSERT_TRUE(a_->send(1));
  start_daemon();
  ASSERT_TRUE(serve_until([&] { return b_->heard().size() == 1; })) << daemon_->log();
  EXPECT_EQ(ask("stats")["links"][0]["peer_restarts"], 0);
  EXPECT_EQ(ask("stats")["devices"][0]["resets"], 0);
}

// New guests come to the new hub; the daemon takes its seats there, too.
TEST_F(EndToEndTest, AHubThatIsRestartedIsFoundAgain) {
  start_hub();
  start_daemon();
  hub_->process().signal(SIGTERM);
  EXPECT_EQ(hub_->process().wait(), 0) << hub_->log();
  start_hub();
  start_guests();
  ASSERT_TRUE(a_->send(1));
  ASSERT_TRUE(serve_until([&] { return b_->heard().size() == 1; })) << daemon_->log();
}

TEST_F(EndToEndTest, LogsArePlayedToGuestsAndRecorded) {
  std::ofstream(scratch_.file("in.log")) << "(1.000000) can0 123#11223344\n"
                                            "(1.001000) can0 1F334455##1AABBCCDD\n";
  write_config("replay = \"" + scratch_.file("in.log") + "\"\nreplay_rounds = 0\nrecord = \"" +
               scratch_.file("out.log") + "\"\n");
  start_hub();
  start_daemon();
  start_guests();
  ASSERT_TRUE(serve_until([&] { return b_->heard().size() >= 20; })) << daemon_->log();
  EXPECT_GE(ask("stats")["buses"][0]["replayed"], 20);
  daemon_->process().signal(SIGTERM);
  EXPECT_EQ(daemon_->process().wait(), 0) << daemon_->log();
  std::ifstream record(scratch_.file("out.log"));
  const std::string text{std::istreambuf_iterator<char>(record), {}};
  EXPECT_GE(std::ranges::count(text, '\n'), 20);
  EXPECT_THAT(text, HasSubstr(") body 123#11223344\n"));
  EXPECT_THAT(text, HasSubstr(") body 1F334455##0AABBCCDD\n"));
}

// A daemon that was stopped meanwhile finds both at once: the frame comes in its last turn, and the
// record is completed on the way out, which the sandbox has to allow.
TEST_F(EndToEndTest, TheFrameThatIsOverWhenTheDaemonEndsIsRecorded) {
  // Of 8 bytes in a frame with a short identifier at 500 bit/s, stuffed as badly as can be.
  constexpr auto kFrameTime = std::chrono::milliseconds(300);
  write_config("bitrate = 500\nrecord = \"" + scratch_.file("out.log") + "\"\n");
  start_hub();
  start_daemon();
  start_guests();
  ASSERT_TRUE(a_->send(1));
  ASSERT_TRUE(a_->send(2));
  ASSERT_TRUE(serve_until([&] { return b_->heard().size() == 1; })) << daemon_->log();
  // The second one is on the wire now, and ends there while nobody looks.
  daemon_->process().signal(SIGSTOP);
  ASSERT_TRUE(daemon_->process().wait_until_stopped());
  std::this_thread::sleep_for(kFrameTime);
  daemon_->process().signal(SIGTERM);
  daemon_->process().signal(SIGCONT);
  EXPECT_EQ(daemon_->process().wait(), 0) << daemon_->log();
  std::ifstream record(scratch_.file("out.log"));
  const std::string text{std::istreambuf_iterator<char>(record), {}};
  EXPECT_EQ(std::ranges::count(text, '\n'), 2) << text;
}

TEST_F(EndToEndTest, TheWatchdogIsFedAsLongAsTheLoopTurns) {
  start_hub();
  start_daemon({"WATCHDOG_USEC=200000"});
  EXPECT_TRUE(daemon_->heard("STATUS=serving 2 link(s), 2 device(s)")) << daemon_->log();
  EXPECT_TRUE(daemon_->heard("WATCHDOG=1")) << daemon_->log();
  EXPECT_TRUE(daemon_->heard("WATCHDOG=1")) << daemon_->log();
}

TEST_F(EndToEndTest, AMissingHubIsOneLineAndNothingIsHalfStarted) {
  write_config("", kShortTimeout);
  std::ofstream(config(), std::ios::app) << "[[link]]\nname = \"c\"\ntype = \"shm\"\nsocket = \""
                                         << scratch_.file("nowhere") << "\"\n";
  start_hub();
  const auto result = run_program({STRATOSD_PATH, "--config", config()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors,
              AllOf(HasSubstr("stratosd: link c: no seat at the hub's device socket " +
                              scratch_.file("nowhere")),
                    HasSubstr("waited for 300 ms")));
  EXPECT_NE(::access(scratch_.file("control").c_str(), F_OK), 0) << "no control socket is left";
  // The links that were there are as before: a driver side finds nobody.
  CanGuest guest(scratch_.file("a.driver"), kRegionSize);
  guest.driver().poll();
  EXPECT_EQ(guest.driver().status(), virtio::LinkStatus::kInit);
}

// A guest can write to the whole region, its layout too: that is a lie about its own link.
TEST_F(EndToEndTest, ALayoutOfAnotherRevisionIsOneLineAndCostsTheOthersNothing) {
  start_hub();
  CanGuest foreign(scratch_.file("a.driver"), kRegionSize);
  b_ = std::make_unique<CanGuest>(scratch_.file("b.driver"), kRegionSize);
  pretend_revision(foreign, VIRTIO_MSG_AMP_VERSION + 1);
  start_daemon();
  EXPECT_TRUE(daemon_->heard("STATUS=serving 1 link(s), 2 device(s)")) << daemon_->log();
  ASSERT_TRUE(b_->come_up()) << daemon_->log();
  ASSERT_TRUE(b_->send(1));
  ASSERT_TRUE(serve_until([&] { return b_->results().size() == 1; })) << daemon_->log();
  EXPECT_EQ(lines_with(daemon_->log(), "link a: "), 1) << daemon_->log();
  EXPECT_THAT(daemon_->log(),
              HasSubstr("link a: the layout is not valid: unknown version; not served"));
  const auto head = foreign.driver().layout().device.head;
  EXPECT_TRUE(std::ranges::all_of(foreign.driver().region().subspan(head.offset, head.size),
                                  [](std::byte byte) { return byte == std::byte{}; }))
      << "nothing is half started";

  pretend_revision(*b_, VIRTIO_MSG_AMP_VERSION + 1);
  daemon_.reset();
  // It ends inside its sandbox, which denies what the leak checker wants.
  const auto result = run_program(
      {"/usr/bin/env", "ASAN_OPTIONS=detect_leaks=0", STRATOSD_PATH, "--config", config()});
  EXPECT_EQ(result.exit_code, 1) << "nobody is left to serve";
  EXPECT_EQ(lines_with(result.errors, "link a: "), 1) << result.errors;
}

TEST_F(EndToEndTest, AGuestOfAnotherRevisionIsCountedAndAnswersAreNotMadeUp) {
  start_hub();
  start_daemon();
  start_guests();
  // Header only: type, id, device, token, size. No id of revision 1, and one that is too short.
  constexpr std::array<std::byte, 8> kUnknown{{{}, std::byte{0x3f}, {}, {}, {}, {}, std::byte{8}}};
  constexpr std::array<std::byte, 8> kShort{
      {{}, std::byte{VIRTIO_MSG_GET_CONFIG}, {}, {}, {}, {}, std::byte{8}}};
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(serve_until([&] { return a_->driver().send_raw(kUnknown); }));
    ASSERT_TRUE(serve_until([&] { return a_->driver().send_raw(kShort); }));
  }
  ASSERT_TRUE(serve_until([&] {
    return ask("stats")["links"][0]["messages_malformed"] == 2 * kRounds;
  })) << daemon_->log();
  EXPECT_LE(lines_with(daemon_->log(), "message"), kRounds / 2) << "the log is flooded\n"
                                                                << daemon_->log();
  EXPECT_FALSE(a_->driver().take_event().has_value()) << "no answer to what nobody understands";
  ASSERT_TRUE(a_->send(1));
  ASSERT_TRUE(serve_until([&] { return b_->heard().size() == 1; })) << daemon_->log();
}

TEST_F(EndToEndTest, AMissingUioDeviceIsOneLine) {
  std::ofstream(config(), std::ios::app)
      << "[[link]]\nname = \"u\"\ntype = \"uio\"\ndevice = \"/dev/uio-none\"\n";
  const auto result = run_program({STRATOSD_PATH, "--config", config()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("stratosd: link u: "));
  EXPECT_EQ(std::ranges::count(result.errors, '\n'), 1) << result.errors;
}

TEST_F(EndToEndTest, ASecondDaemonIsRefused) {
  start_hub();
  start_daemon();
  write_config("", kShortTimeout);
  const auto result = run_program({STRATOSD_PATH, "--config", config()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("no seat"));
  EXPECT_EQ(ask("status")["ok"], true) << "the first goes on";
}

}  // namespace
}  // namespace stratos::daemon
