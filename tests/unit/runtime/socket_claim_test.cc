// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket_claim.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <utility>

#include "hub/scratch_directory.h"

namespace stratos::runtime {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::milliseconds kNotLong{50};

// Listens at `path` and knows nothing of lock files, as the ring of a killed process does. Waits
// for who connects for some seconds.
UniqueFd stranger_at(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(fd.get(), 4), 0);
  return fd;
}

class SocketClaimTest : public ::testing::Test {
 protected:
  std::string refusal() const {
    auto claim = SocketClaim::claim(path_, kNotLong);
    return claim ? "was claimed" : claim.error();
  }

  hub::ScratchDirectory scratch_;
  const std::string path_ = scratch_.file("socket");
};

TEST_F(SocketClaimTest, LeavesNothingBehind) {
  {
    auto claim = SocketClaim::claim(path_);
    ASSERT_TRUE(claim.has_value()) << claim.error();
    ASSERT_TRUE(claim->listen(getuid(), getgid(), 0600).has_value());
    EXPECT_FALSE(scratch_.empty());
  }
  EXPECT_TRUE(scratch_.empty());
}

TEST_F(SocketClaimTest, IsHeldByOneAtATime) {
  const auto claim = SocketClaim::claim(path_);
  ASSERT_TRUE(claim.has_value()) << claim.error();
  EXPECT_EQ(refusal(), path_ + ": in use by another process; stop it or choose another path");
}

TEST_F(SocketClaimTest, ReplacesASocketThatIsLeftOver) {
  stranger_at(path_).reset();
  auto claim = SocketClaim::claim(path_, kNotLong);
  ASSERT_TRUE(claim.has_value()) << claim.error();
  EXPECT_TRUE(claim->listen(getuid(), getgid(), 0600).has_value());
}

TEST_F(SocketClaimTest, OutwaitsASocketThatOutlivesItsProcess) {
  UniqueFd stranger = stranger_at(path_);
  auto claim = std::async(std::launch::async, [this] { return SocketClaim::claim(path_); });
  // Somebody has asked whether it still listens.
  UniqueFd asked(accept(stranger.get(), nullptr, nullptr));
  EXPECT_TRUE(asked.valid());
  stranger.reset();
  const auto result = claim.get();
  EXPECT_TRUE(result.has_value()) << result.error();
}

TEST_F(SocketClaimTest, LeavesASocketToAStrangerThatStays) {
  const UniqueFd stranger = stranger_at(path_);
  EXPECT_EQ(refusal(), path_ + ": in use by another process; stop it or choose another path");
  struct stat status {};
  EXPECT_EQ(lstat(path_.c_str(), &status), 0);
}

TEST_F(SocketClaimTest, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(refusal(), path_ + ": exists and is no socket; remove it");
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(SocketClaimTest, RefusesAPathThatIsTooLong) {
  const auto claim = SocketClaim::claim(scratch_.file(std::string(108, 'x')));
  ASSERT_FALSE(claim.has_value());
  EXPECT_THAT(claim.error(), HasSubstr("too long for a socket"));
}

}  // namespace
}  // namespace stratos::runtime
