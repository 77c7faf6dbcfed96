// SPDX-License-Identifier: Apache-2.0
// The control socket with clients that behave, and with clients that do not.

#include "stratosd/control_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/socket_claim.h"
#include "runtime/unique_fd.h"

namespace stratos::daemon {
namespace {

using nlohmann::ordered_json;
using runtime::UniqueFd;
using ::testing::HasSubstr;

class ControlServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "control-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    path_ = directory_ / "sock";
    auto loop = runtime::Loop::create({});
    ASSERT_TRUE(loop.has_value()) << loop.error();
    loop_ = std::move(*loop);
  }
  void TearDown() override {
    server_.reset();
    loop_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start(ControlServer::Limits limits, size_t reply_size = 10) {
    auto claim = runtime::SocketClaim::claim(path_);
    ASSERT_TRUE(claim.has_value()) << claim.error();
    claim_.emplace(std::move(*claim));
    auto listener = claim_->listen(::getuid(), ::getgid(), 0600);
    ASSERT_TRUE(listener.has_value()) << listener.error();
    server_.emplace(*loop_, std::move(*listener), limits, [this, reply_size](control::ControlOp) {
      ++answers_;
      return ordered_json{{"filler", std::string(reply_size, 'x')}};
    });
  }

  UniqueFd connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  static void send(const UniqueFd& fd, const std::string& text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  // Turns the loop until `done`; false if it takes too long.
  template <typename Done>
  bool turn_until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_->turn(false);
    }
    return true;
  }

  // Reads until `lines` lines came or the connection ended.
  std::string read(const UniqueFd& fd, size_t lines = 1) {
    std::string text;
    size_t seen = 0;
    bool ended = false;
    turn_until([&] {
      std::array<char, 4096> piece;
      const ssize_t got = ::recv(fd.get(), piece.data(), piece.size(), 0);
      if (got > 0) {
        text.append(piece.data(), static_cast<size_t>(got));
        seen += static_cast<size_t>(std::count(piece.data(), piece.data() + got, '\n'));
      }
      if (got == 0 || (got < 0 && errno != EAGAIN)) ended = true;
      return ended || seen >= lines;
    });
    return ended ? text + "<end>" : text;
  }

  std::filesystem::path directory_;
  std::string path_;
  std::unique_ptr<runtime::Loop> loop_;
  std::optional<runtime::SocketClaim> claim_;
  std::optional<ControlServer> server_;
  int answers_ = 0;
};

TEST_F(ControlServerTest, AnswersRequestAfterRequest) {
  start({});
  const UniqueFd fd = connect();
  for (int i = 0; i < 3; ++i) {
    send(fd, control::make_request(control::ControlOp::kStats));
    const auto reply = ordered_json::parse(read(fd));
    EXPECT_EQ(reply["ok"], true);
    EXPECT_EQ(reply["op"], "stats");
  }
}

TEST_F(ControlServerTest, AnswersRequestsThatCameTogetherOrInPieces) {
  start({});
  const UniqueFd fd = connect();
  send(fd, control::make_request(control::ControlOp::kList) +
               control::make_request(control::ControlOp::kStatus) + "{\"op\":");
  const std::string replies = read(fd, 2);
  EXPECT_THAT(replies, HasSubstr("\"list\""));
  EXPECT_THAT(replies, HasSubstr("\"status\""));
  send(fd, "\"stats\"}\n");
  EXPECT_THAT(read(fd), HasSubstr("\"stats\""));
}

TEST_F(ControlServerTest, ABadRequestIsAnsweredAndTheClientStays) {
  start({});
  const UniqueFd fd = connect();
  send(fd, "hello\n");
  EXPECT_EQ(read(fd), control::make_error("the request is no JSON"));
  send(fd, control::make_request(control::ControlOp::kStatus));
  EXPECT_THAT(read(fd), HasSubstr("\"status\""));
}

TEST_F(ControlServerTest, ARequestWithoutEndIsCutOff) {
  start({});
  const UniqueFd fd = connect();
  send(fd, std::string(control::kMaxRequest + 1, 'x'));
  EXPECT_EQ(read(fd, 2), control::make_error("the request is too long") + "<end>");
  EXPECT_TRUE(turn_until([&] { return server_->clients() == 0; }));
}

TEST_F(ControlServerTest, ServesSeveralClientsAndNoMoreThanAllowed) {
  start({.clients = 2});
  const UniqueFd first = connect();
  const UniqueFd second = connect();
  ASSERT_TRUE(turn_until([&] { return server_->clients() == 2; }));
  const UniqueFd third = connect();
  EXPECT_EQ(read(third, 2), control::make_error("too many clients; try again later") + "<end>");
  send(second, control::make_request(control::ControlOp::kList));
  send(first, control::make_request(control::ControlOp::kStatus));
  EXPECT_THAT(read(first), HasSubstr("\"status\""));
  EXPECT_THAT(read(second), HasSubstr("\"list\""));
}

TEST_F(ControlServerTest, AClientThatWentAwayLeavesNothingBehind) {
  start({.clients = 1});
  for (int i = 0; i < 20; ++i) {
    {
      const UniqueFd fd = connect();
      send(fd, control::make_request(control::ControlOp::kStatus));
      EXPECT_THAT(read(fd), HasSubstr("\"status\""));
    }
    ASSERT_TRUE(turn_until([&] { return server_->clients() == 0; }));
  }
  EXPECT_EQ(server_->dropped(), 0u);
}

TEST_F(ControlServerTest, ASlowReaderIsDroppedAndHoldsNobodyUp) {
  constexpr size_t kMoreThanASocketHolds = 8 << 20;
  start({.patience = std::chrono::milliseconds(50)}, kMoreThanASocketHolds);
  const UniqueFd slow = connect();
  send(slow, control::make_request(control::ControlOp::kStats) +
                 control::make_request(control::ControlOp::kStats));
  ASSERT_TRUE(turn_until([&] { return answers_ == 1; }));
  EXPECT_TRUE(turn_until([&] { return server_->clients() == 0; }));
  EXPECT_EQ(server_->dropped(), 1u);
  EXPECT_EQ(answers_, 1) << "the next reply waits until the last one is read";
}

TEST_F(ControlServerTest, AReaderOfALargeReplyGetsAllOfIt) {
  constexpr size_t kMoreThanASocketHolds = 4 << 20;
  start({}, kMoreThanASocketHolds);
  const UniqueFd fd = connect();
  send(fd, control::make_request(control::ControlOp::kStats));
  EXPECT_EQ(ordered_json::parse(read(fd))["filler"].get<std::string>().size(),
            kMoreThanASocketHolds);
}

TEST_F(ControlServerTest, AGreedyClientTakesOneTurnPerRequest) {
  start({});
  const UniqueFd fd = connect();
  std::string many;
  for (int i = 0; i < 100; ++i) many += control::make_request(control::ControlOp::kList);
  send(fd, many);
  int before = 0;
  ASSERT_TRUE(turn_until([&] {
    std::array<char, 4096> drain;
    while (::recv(fd.get(), drain.data(), drain.size(), 0) > 0) continue;
    EXPECT_LE(answers_ - std::exchange(before, answers_), 1);
    return answers_ == 100;
  }));
}

}  // namespace
}  // namespace stratos::daemon
