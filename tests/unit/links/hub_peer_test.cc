// SPDX-License-Identifier: Apache-2.0
#include "links/shm/hub_peer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "drain.h"
#include "links/link_rig.h"

namespace stratos::links {
namespace {

using runtime::UniqueFd;

class HubPeerTest : public testing::Test {
 protected:
  std::unique_ptr<HubPeer> peer(const std::string& socket) {
    return std::make_unique<HubPeer>(
        *loop_, scratch_.file(socket),
        HubPeer::Listener{.on_attached = [this](auto given) { attachment_ = std::move(given); }},
        HubPeer::Timing{.retry = std::chrono::milliseconds(10),
                        .patience = std::chrono::milliseconds(100)});
  }
  std::unique_ptr<hub::Hub> start_hub() {
    auto started = hub::Hub::start(*loop_, link_config(scratch_));
    EXPECT_TRUE(started.has_value()) << started.error();
    return started ? std::move(*started) : nullptr;
  }
  bool until(const std::function<bool()>& condition) {
    return runtime::turn_until(*loop_, condition);
  }
  void wait(int milliseconds) {
    runtime::turn_until(
        *loop_, [] { return false; }, std::chrono::milliseconds(milliseconds));
  }

  hub::ScratchDirectory scratch_;
  std::unique_ptr<runtime::Loop> loop_ = runtime::make_loop();
  std::unique_ptr<Attachment> attachment_;
};

TEST_F(HubPeerTest, TakesTheSeatAndGetsMemoryAndBells) {
  auto hub = start_hub();
  auto device = peer("a.sock");
  ASSERT_TRUE(until([&] { return device->seated(); }));
  ASSERT_NE(attachment_, nullptr);
  EXPECT_EQ(attachment_->region().size(), kRegionSize);
  EXPECT_EQ(attachment_->doorbell(), 1U << 16);
  int heard = 0;
  attachment_->listen(*loop_, [&] { ++heard; });
  Guest guest(scratch_.file("a.qemu"), [this] { loop_->turn(false); });
  attachment_->ring(0xffffffff);
  loop_->turn(false);
  EXPECT_TRUE(test::drain(guest.bell()));
  guest.ring();
  EXPECT_TRUE(until([&] { return heard == 1; }));
}

TEST_F(HubPeerTest, HubMayComeLater) {
  auto device = peer("a.sock");
  wait(50);
  EXPECT_FALSE(device->seated());
  auto hub = start_hub();
  EXPECT_TRUE(until([&] { return device->seated(); }));
}

TEST_F(HubPeerTest, TakenSeatIsTakenOnceItIsFree) {
  auto hub = start_hub();
  auto first = peer("a.sock");
  ASSERT_TRUE(until([&] { return first->seated(); }));
  auto second = peer("a.sock");
  wait(50);
  EXPECT_FALSE(second->seated());
  EXPECT_TRUE(first->seated());
  first.reset();
  EXPECT_TRUE(until([&] { return second->seated(); }));
}

TEST_F(HubPeerTest, DriverSocketIsRefusedAndItsSeatLeftFree) {
  auto hub = start_hub();
  auto wrong = peer("a.qemu");
  wait(50);
  EXPECT_FALSE(wrong->seated());
  EXPECT_EQ(attachment_, nullptr);
  wrong.reset();
  Guest guest(scratch_.file("a.qemu"), [this] { loop_->turn(false); });
  EXPECT_FALSE(guest.closed());
}

// Servers that are no hub. Each must cost a line in the log and nothing else.
struct FakeServer {
  const char* what;
  std::function<void(int socket)> speak;
};

void PrintTo(const FakeServer& server, std::ostream* out) { *out << server.what; }

void say(int socket, int64_t value, int fd = -1) {
  static_cast<void>(ivshmem::send_message(socket, value, fd));
}

UniqueFd memory(bool sealed) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(fd.get(), kRegionSize), 0);
  if (sealed) fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
  return fd;
}

void say_up_to_bells(int socket, const UniqueFd& given) {
  say(socket, 0);
  say(socket, 1);
  say(socket, -1, given.get());
}

class HubPeerFakeServerTest : public HubPeerTest, public testing::WithParamInterface<FakeServer> {};

TEST_P(HubPeerFakeServerTest, IsRefused) {
  const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, scratch_.file("fake").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  auto device = peer("fake");
  UniqueFd client;
  ASSERT_TRUE(until([&] {
    client.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    return client.valid();
  }));
  GetParam().speak(client.get());
  // The peer hangs up and comes again.
  EXPECT_TRUE(until([&] {
    char byte = 0;
    return recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }));
  EXPECT_FALSE(device->seated());
  EXPECT_EQ(attachment_, nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, HubPeerFakeServerTest,
                         testing::Values(FakeServer{"silent", [](int) {}},
                                         FakeServer{"another version", [](int s) { say(s, 1); }},
                                         FakeServer{"another id",
                                                    [](int s) {
                                                      say(s, 0);
                                                      say(s, 7);
                                                    }},
                                         FakeServer{"no memory",
                                                    [](int s) {
                                                      say(s, 0);
                                                      say(s, 1);
                                                      say(s, -1);
                                                    }},
                                         FakeServer{"bell before memory",
                                                    [](int s) {
                                                      say(s, 0);
                                                      say(s, 1);
                                                      say(s, 2, runtime::EventFd::create()->fd());
                                                    }},
                                         FakeServer{"bell that is none",
                                                    [](int s) {
                                                      const UniqueFd given = memory(true);
                                                      say_up_to_bells(s, given);
                                                      say(s, 2, given.get());
                                                    }},
                                         FakeServer{"bell without descriptor",
                                                    [](int s) {
                                                      const UniqueFd given = memory(true);
                                                      say_up_to_bells(s, given);
                                                      say(s, 2);
                                                    }},
                                         FakeServer{"memory that may shrink",
                                                    [](int s) {
                                                      const UniqueFd given = memory(false);
                                                      const auto bell = runtime::EventFd::create();
                                                      say_up_to_bells(s, given);
                                                      say(s, 2, bell->fd());
                                                      say(s, 1, bell->fd());
                                                    }},
                                         FakeServer{"memory that is a pipe",
                                                    [](int s) {
                                                      int ends[2];
                                                      ASSERT_EQ(pipe(ends), 0);
                                                      const UniqueFd a(ends[0]), b(ends[1]);
                                                      const auto bell = runtime::EventFd::create();
                                                      say_up_to_bells(s, a);
                                                      say(s, 2, bell->fd());
                                                      say(s, 1, bell->fd());
                                                    }},
                                         FakeServer{"endless bells",
                                                    [](int s) {
                                                      const UniqueFd given = memory(true);
                                                      const auto bell = runtime::EventFd::create();
                                                      say_up_to_bells(s, given);
                                                      for (int i = 0; i < 40; ++i)
                                                        say(s, 2, bell->fd());
                                                    }},
                                         FakeServer{"half a message", [](int s) {
                                                      ASSERT_EQ(write(s, "abc", 3), 3);
                                                      shutdown(s, SHUT_WR);
                                                    }}));

}  // namespace
}  // namespace stratos::links
