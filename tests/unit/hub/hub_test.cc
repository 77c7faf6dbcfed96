// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "drain.h"
#include "hub/fake_client.h"
#include "hub/scratch_directory.h"
#include "runtime/test_loop.h"

namespace stratos::hub {
namespace {

constexpr uint64_t kSize = 1 << 20;

class HubTest : public testing::Test {
 protected:
  LinkConfig link(const std::string& name, uint16_t vectors = 1) {
    LinkConfig config;
    config.name = name;
    config.size = kSize;
    config.driver_socket = scratch_.file(name + ".qemu");
    config.device_socket = scratch_.file(name + ".sock");
    config.vectors = vectors;
    return config;
  }
  std::unique_ptr<Hub> start(std::vector<LinkConfig> links) {
    auto hub = Hub::start(*loop_, {std::move(links)});
    EXPECT_TRUE(hub.has_value()) << hub.error();
    return hub ? std::move(*hub) : nullptr;
  }
  bool until(const std::function<bool()>& condition) {
    return runtime::turn_until(*loop_, condition);
  }
  std::unique_ptr<FakeClient> sit(const std::string& path, size_t messages = 5) {
    auto client = std::make_unique<FakeClient>(path);
    EXPECT_TRUE(client->connected());
    EXPECT_TRUE(until([&] { return client->messages().size() == messages; }));
    return client;
  }

  ScratchDirectory scratch_;
  std::unique_ptr<runtime::Loop> loop_ = runtime::make_loop();
};

TEST_F(HubTest, EachSeatIsGivenWhatQemuExpects) {
  auto hub = start({link("a", 2)});
  for (const bool driver : {true, false}) {
    auto client = sit(scratch_.file(driver ? "a.qemu" : "a.sock"), 7);
    const auto& messages = client->messages();
    const int64_t self = driver ? ivshmem::kDriverPeer : ivshmem::kDevicePeer;
    const int64_t other = driver ? ivshmem::kDevicePeer : ivshmem::kDriverPeer;
    const int64_t expected[] = {
        ivshmem::kProtocolVersion, self, ivshmem::kMemory, other, other, self, self};
    for (size_t i = 0; i < std::size(expected); ++i) {
      EXPECT_EQ(messages[i].value, expected[i]) << i;
      EXPECT_EQ(messages[i].fd.valid(), i >= 2) << i;
    }
    struct stat status {};
    ASSERT_EQ(fstat(messages[2].fd.get(), &status), 0);
    EXPECT_EQ(status.st_size, static_cast<off_t>(kSize));
  }
}

TEST_F(HubTest, BothSidesShareMemoryAndBells) {
  auto hub = start({link("a")});
  auto driver = sit(scratch_.file("a.qemu"));
  auto device = sit(scratch_.file("a.sock"));
  EXPECT_EQ(hub->complete_links(), 1U);
  map(*driver).bytes()[kSize - 1] = std::byte{42};
  EXPECT_EQ(map(*device).bytes()[kSize - 1], std::byte{42});
  bell(*driver, ivshmem::kDevicePeer).ring();
  EXPECT_FALSE(test::drain(bell(*device, ivshmem::kDriverPeer)));
  EXPECT_TRUE(test::drain(bell(*device, ivshmem::kDevicePeer)));
  bell(*device, ivshmem::kDriverPeer).ring();
  EXPECT_TRUE(test::drain(bell(*driver, ivshmem::kDriverPeer)));
}

TEST_F(HubTest, LinksDoNotShareAnything) {
  auto hub = start({link("a"), link("b")});
  auto a = sit(scratch_.file("a.qemu"));
  auto b = sit(scratch_.file("b.sock"));
  map(*a).bytes()[kSize - 1] = std::byte{42};
  EXPECT_EQ(map(*b).bytes()[kSize - 1], std::byte{0});
  bell(*a, ivshmem::kDevicePeer).ring();
  EXPECT_FALSE(test::drain(bell(*b, ivshmem::kDevicePeer)));
}

TEST_F(HubTest, SecondClientOnATakenSeatIsSentAwayAndTheFirstStays) {
  auto hub = start({link("a")});
  auto first = sit(scratch_.file("a.qemu"));
  FakeClient second(scratch_.file("a.qemu"));
  EXPECT_TRUE(until([&] { return second.closed(); }));
  EXPECT_TRUE(second.messages().empty());
  EXPECT_FALSE(first->closed());
}

TEST_F(HubTest, FirstClientThatIsGoneAlreadyDoesNotKeepTheSeat) {
  auto hub = start({link("a")});
  auto first = sit(scratch_.file("a.sock"));
  // The hub learns of both in one turn, in whatever order.
  first.reset();
  auto second = sit(scratch_.file("a.sock"));
  EXPECT_FALSE(second->closed());
}

TEST_F(HubTest, NextClientFindsTheSameMemoryAndARingThatNobodyHeard) {
  auto hub = start({link("a")});
  auto driver = sit(scratch_.file("a.qemu"));
  auto device = sit(scratch_.file("a.sock"));
  map(*device).bytes()[kSize - 1] = std::byte{42};
  device.reset();
  bell(*driver, ivshmem::kDevicePeer).ring();
  device = sit(scratch_.file("a.sock"));
  EXPECT_EQ(map(*device).bytes()[kSize - 1], std::byte{42});
  EXPECT_TRUE(test::drain(bell(*device, ivshmem::kDevicePeer)));
  EXPECT_EQ(driver->messages().size(), 5U) << "the other side must not hear of it";
  EXPECT_FALSE(driver->closed());
}

TEST_F(HubTest, ClientThatSpeaksIsSentAway) {
  auto hub = start({link("a")});
  auto client = sit(scratch_.file("a.qemu"));
  ASSERT_EQ(write(client->socket(), "x", 1), 1);
  EXPECT_TRUE(until([&] { return client->closed(); }));
  sit(scratch_.file("a.qemu"));
}

TEST_F(HubTest, SocketInUseStopsEverythingBeforeItBegins) {
  auto first = start({link("b")});
  auto second = Hub::start(*loop_, {{link("a"), link("b")}});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().find("b.sock"), std::string::npos) << second.error();
  EXPECT_NE(second.error().find("in use"), std::string::npos) << second.error();
  EXPECT_NE(access(scratch_.file("a.qemu").c_str(), F_OK), 0);
  EXPECT_NE(access(scratch_.file("a.sock").c_str(), F_OK), 0);
  sit(scratch_.file("b.qemu"));  // the first hub did not notice
}

TEST_F(HubTest, SocketOfAServerWithoutOurLockIsNotTakenOver) {
  const runtime::UniqueFd other(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, scratch_.file("a.qemu").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(other.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(other.get(), 1), 0);
  EXPECT_FALSE(Hub::start(*loop_, {{link("a")}}).has_value());
}

TEST_F(HubTest, StaleSocketIsReplaced) {
  {
    const runtime::UniqueFd other(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, scratch_.file("a.qemu").c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(other.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  std::ofstream(scratch_.file("a.qemu.lock")) << "left over";
  auto hub = start({link("a")});
  sit(scratch_.file("a.qemu"));
}

TEST_F(HubTest, FileThatIsNoSocketIsLeftAlone) {
  std::ofstream(scratch_.file("a.qemu")) << "precious";
  auto hub = Hub::start(*loop_, {{link("a")}});
  ASSERT_FALSE(hub.has_value());
  EXPECT_NE(hub.error().find("no socket"), std::string::npos) << hub.error();
  EXPECT_EQ(std::filesystem::file_size(scratch_.file("a.qemu")), 8U);
}

TEST_F(HubTest, MissingDirectoryIsAnErrorThatNamesThePath) {
  LinkConfig config = link("a");
  config.device_socket = scratch_.file("missing/a.sock");
  auto hub = Hub::start(*loop_, {{config}});
  ASSERT_FALSE(hub.has_value());
  EXPECT_NE(hub.error().find("missing/a.sock"), std::string::npos) << hub.error();
}

TEST_F(HubTest, SocketHasTheModeAskedFor) {
  LinkConfig config = link("a");
  config.mode = 0640;
  auto hub = start({config});
  struct stat status {};
  ASSERT_EQ(stat(config.driver_socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
}

TEST_F(HubTest, LeavesNothingBehind) {
  start({link("a"), link("b")}).reset();
  EXPECT_TRUE(scratch_.empty());
}

}  // namespace
}  // namespace stratos::hub
