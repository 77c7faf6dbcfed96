// SPDX-License-Identifier: Apache-2.0
// Stock QEMU against the real hub. No guest runs: the device is there, or QEMU is not.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "hub/fake_client.h"
#include "hub/hub_process.h"

namespace stratos::hub {
namespace {

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";

class QemuTest : public testing::Test {
 protected:
  // Sends `request` to QEMU's monitor and waits until an answer contains `word`.
  bool ask(const std::string& request, const std::string& word) {
    if (write(monitor_.get(), request.data(), request.size()) < 0) return false;
    return answered(word);
  }
  bool answered(const std::string& word) {
    pollfd waiting{.fd = monitor_.get(), .events = POLLIN, .revents = 0};
    std::array<char, 4096> part{};
    answer_.clear();
    while (answer_.find(word) == std::string::npos) {
      if (poll(&waiting, 1, 20000) != 1) return false;
      const ssize_t size = read(monitor_.get(), part.data(), part.size());
      if (size <= 0) return false;
      answer_.append(part.data(), static_cast<size_t>(size));
    }
    return true;
  }

  ScratchDirectory scratch_;
  runtime::UniqueFd monitor_;
  std::string answer_;
};

TEST_F(QemuTest, StartsWithOurHubTakesTheSeatAndGivesItBack) {
  if (access(kQemu, X_OK) != 0) GTEST_SKIP() << kQemu << " is not installed";
  HubProcess hub(scratch_);
  ASSERT_TRUE(hub.ready()) << hub.errors();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  monitor_.reset(ends[0]);
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  ChildProcess qemu({kQemu, "-M", "q35", "-accel", "tcg", "-nodefaults", "-display", "none", "-S",
                     "-chardev", "socket,id=c,path=" + scratch_.file("a.qemu"), "-device",
                     "ivshmem-doorbell,chardev=c,vectors=1", "-chardev",
                     "socket,id=m,fd=" + std::to_string(ends[1]), "-mon", "chardev=m,mode=control"},
                    {}, scratch_.file("qemu-errors"));
  close(ends[1]);
  ASSERT_TRUE(answered("QMP"));
  ASSERT_TRUE(ask("{\"execute\":\"qmp_capabilities\"}\n", "return"));
  // 1af4:1110 in decimal; BAR2 is the region.
  ASSERT_TRUE(ask("{\"execute\":\"query-pci\"}\n", "\"device\": 4368")) << answer_;
  EXPECT_NE(answer_.find("1048576"), std::string::npos) << answer_;

  FakeClient second(scratch_.file("a.qemu"));
  EXPECT_TRUE(second.wait_until_closed());
  EXPECT_TRUE(second.messages().empty());

  ASSERT_TRUE(ask("{\"execute\":\"quit\"}\n", "return"));
  EXPECT_EQ(qemu.wait(), 0);
  FakeClient next(scratch_.file("a.qemu"));
  EXPECT_TRUE(next.wait_for(5)) << hub.errors();
}

}  // namespace
}  // namespace stratos::hub
