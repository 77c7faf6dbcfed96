// SPDX-License-Identifier: Apache-2.0
// stratosd as it is installed, sandbox and all, and two front-ends whose guests have CAN
// devices on one virtual bus.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "runtime/test_loop.h"
#include "stratosd/notified_process.h"
#include "stratosd/subprocess.h"
#include "vhost_user/can_front_end.h"

namespace stratos::links::vhost_user {
namespace {

using nlohmann::json;
using runtime::turn_until;

class StratosdTest : public testing::Test {
 protected:
  StratosdTest() {
    std::ofstream(scratch_.file("stratosd.toml"))
        << "[stratosd]\ncontrol_socket = \"" << scratch_.file("control")
        << "\"\n[[bus]]\nname = \"body\"\ntype = \"virtual\"\n"
        << link_and_device("a") << link_and_device("b");
  }
  std::string link_and_device(const std::string& name) const {
    return "[[link]]\nname = \"" + name + "\"\ntype = \"vhost-user\"\nsocket = \"" +
           scratch_.file(name) + "\"\n[[device]]\nname = \"can-" + name +
           "\"\ntype = \"can\"\nlink = \"" + name + "\"\nnumber = 0\nbus = \"body\"\n";
  }
  void start_daemon() {
    daemon_.reset();
    daemon_ = std::make_unique<test::NotifiedProcess>(
        scratch_, "stratosd",
        std::vector<std::string>{STRATOSD_PATH, "--config", scratch_.file("stratosd.toml")});
    ASSERT_TRUE(daemon_->ready()) << daemon_->log();
  }
  void start_guests(bool inflight) {
    a_ = std::make_unique<CanFrontEnd>(*loop_, scratch_.file("a"), inflight);
    b_ = std::make_unique<CanFrontEnd>(*loop_, scratch_.file("b"), inflight);
    for (CanFrontEnd* guest : {a_.get(), b_.get()}) {
      guest->connect();
      ASSERT_TRUE(guest->start_controller()) << daemon_->log();
    }
  }
  bool serve_until(const std::function<bool()>& done) {
    return turn_until(
        *loop_,
        [&] {
          a_->poll();
          b_->poll();
          return done();
        },
        std::chrono::seconds(20));
  }
  json ask(const std::string& what) {
    const auto result =
        test::run_program({STRATOSCTL_PATH, "--socket", scratch_.file("control"), "--json", what});
    EXPECT_EQ(result.exit_code, 0) << result.errors << daemon_->log();
    return json::parse(result.output, nullptr, false);
  }

  hub::ScratchDirectory scratch_;
  std::unique_ptr<runtime::Loop> loop_ = runtime::make_loop();
  std::unique_ptr<test::NotifiedProcess> daemon_;
  std::unique_ptr<CanFrontEnd> a_;
  std::unique_ptr<CanFrontEnd> b_;
};

TEST_F(StratosdTest, FramesGoFromGuestToGuestAndAreCounted) {
  start_daemon();
  start_guests(false);
  constexpr uint32_t kFrames = 200;
  uint32_t sent = 0;
  ASSERT_TRUE(serve_until([&] {
    while (sent < kFrames && a_->send(sent)) ++sent;
    return b_->heard().size() == kFrames && a_->results().size() == kFrames;
  })) << daemon_->log();
  for (uint32_t i = 0; i < kFrames; ++i) EXPECT_EQ(b_->heard()[i], i);

  const json status = ask("status");
  EXPECT_EQ(status["links"][0]["state"], "connected");
  EXPECT_EQ(status["devices"][0]["status"], "driver-ok");
  const json stats = ask("stats");
  EXPECT_EQ(stats["links"][0]["front_ends"], 1);
  EXPECT_EQ(stats["links"][0]["refused"], 0);
  EXPECT_EQ(stats["devices"][0]["queues"][0]["used"], kFrames);
  const json list = ask("list");
  EXPECT_EQ(list["links"][0]["type"], "vhost-user");
  EXPECT_EQ(list["links"][0]["mode"], "server");
  EXPECT_EQ(list["links"][0]["endpoint"], scratch_.file("a"));
}

// What a killed daemon had taken from the driver is done, once towards the driver.
TEST_F(StratosdTest, NothingIsLostWhenTheDaemonIsKilled) {
  for (const bool inflight : {true, false}) {
    start_daemon();
    start_guests(inflight);
    uint32_t sent = 0;
    constexpr int kKills = 8;
    for (int kill = 0; kill < kKills; ++kill) {
      const size_t heard = b_->heard().size();
      ASSERT_TRUE(serve_until([&] {
        while (a_->send(sent)) ++sent;
        return b_->heard().size() > heard + 20 * static_cast<size_t>(kill);
      })) << daemon_->log();
      daemon_->process().signal(SIGKILL);
      EXPECT_EQ(daemon_->process().wait(), -SIGKILL);
      ASSERT_TRUE(a_->front().hung_up());
      while (a_->send(sent)) ++sent;
      start_daemon();
      a_->connect();
      b_->connect();
    }
    ASSERT_TRUE(serve_until([&] { return a_->results().size() == sent; })) << daemon_->log();
    EXPECT_TRUE(std::ranges::all_of(a_->results(), [](const auto& r) { return r.second == 0; }));
    EXPECT_EQ(ask("stats")["devices"][0]["needs_reset"], 0);
  }
}

// Every system call that a front-end can cause is one that the sandbox knows.
TEST_F(StratosdTest, TheSandboxHasRoomForWhatFrontEndsAsk) {
  start_daemon();
  start_guests(true);
  FrontEnd& front = a_->front();
  for (uint16_t ring = 0; ring < 3; ++ring) front.stop_ring(ring);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const runtime::UniqueFd out(ends[0]);
  runtime::UniqueFd in(ends[1]);
  EXPECT_EQ(word_of(front.ask(Request::kSetDeviceStateFd, state(0, 0), {in.get()}).payload),
            0x100u);
  EXPECT_EQ(front.ask_word(Request::kCheckDeviceState), 0u);
  in.reset();
  EXPECT_EQ(word_of(front.ask(Request::kSetDeviceStateFd, state(1, 0), {out.get()}).payload),
            0x100u);
  EXPECT_EQ(front.ask_word(Request::kCheckDeviceState), 0u);
  // Memory that is gone.
  ASSERT_EQ(ftruncate(b_->memory().fd(), 0), 0);
  b_->front().ring(0).kick->ring();
  EXPECT_TRUE(b_->front().hung_up());
  EXPECT_EQ(ask("stats")["links"][1]["thrown_out"], 1) << daemon_->log();
}

TEST_F(StratosdTest, SocketsAreGoneAfterwards) {
  start_daemon();
  EXPECT_TRUE(std::filesystem::is_socket(scratch_.file("a")));
  daemon_->process().signal(SIGTERM);
  EXPECT_EQ(daemon_->process().wait(), 0) << daemon_->log();
  EXPECT_FALSE(std::filesystem::exists(scratch_.file("a")));
  EXPECT_FALSE(std::filesystem::exists(scratch_.file("a") + ".lock"));
}

}  // namespace
}  // namespace stratos::links::vhost_user
