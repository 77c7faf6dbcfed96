// SPDX-License-Identifier: Apache-2.0
// What comes and goes: front-ends, memory, configuration, rings in motion.

#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user/link_rig.h"

namespace stratos::links::vhost_user {
namespace {

class LifecycleTest : public LinkTest {};

TEST_F(LifecycleTest, ASecondFrontEndIsSentAwayAndTheFirstGoesOn) {
  FrontEnd first(*loop_, path_);
  first.come_up(memory_, kSplit, kAllProtocol);
  FrontEnd second(*loop_, path_);
  EXPECT_TRUE(second.hung_up());
  EXPECT_EQ(back_->link->counters().sent_away, 1u);
  EXPECT_EQ(first.echo("x"), "x");
}

TEST_F(LifecycleTest, AnotherMachineBeginsWithAFreshDevice) {
  for (int machine = 1; machine <= 3; ++machine) {
    GuestMemory memory(1 << 20);
    FrontEnd front(*loop_, path_);
    front.come_up(memory, machine % 2 == 0 ? kPacked : kSplit, kAllProtocol);
    EXPECT_EQ(front.echo("x"), "x");
    EXPECT_EQ(back_->device.starts(), machine);
  }
  EXPECT_EQ(back_->link->instance().counters().needs_reset, 0u);
}

TEST_F(LifecycleTest, ARebootedMachineBeginsAnew) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  ASSERT_TRUE(front.echo("x"));
  // As QEMU does it.
  for (const uint16_t index : kBothRings) {
    front.enable_ring(index, false);
    front.stop_ring(index);
  }
  front.set_status(0);
  front.make_ring(0);
  front.make_ring(1);
  front.start_rings({0, 0});
  EXPECT_EQ(front.echo("y"), "y");
}

TEST_F(LifecycleTest, ARebootIsNoticedWithoutStatus) {
  for (const uint64_t features : {kSplit, kPacked}) {
    GuestMemory memory(1 << 20);
    FrontEnd front(*loop_, path_);
    front.come_up(memory, features, kNoStatus);
    for (int boot = 0; boot < 3; ++boot) {
      for (int i = 0; i < 70; ++i) ASSERT_TRUE(front.echo("x"));
      for (const uint16_t index : kBothRings) {
        front.stop_ring(index);
        front.make_ring(index);
      }
      front.start_rings({front.first_base(), front.first_base()});
    }
    EXPECT_EQ(front.echo("y"), "y");
  }
  EXPECT_EQ(back_->link->instance().counters().needs_reset, 0u);
}

TEST_F(LifecycleTest, APausedMachineGoesOn) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  ASSERT_TRUE(front.echo("x"));
  std::vector<uint32_t> bases;
  for (const uint16_t index : kBothRings) {
    front.enable_ring(index, false);
    bases.push_back(front.stop_ring(index));
  }
  EXPECT_EQ(bases, (std::vector<uint32_t>{1, 0}));
  front.set_status(0);
  front.start_rings(bases);
  EXPECT_EQ(front.echo("y"), "y");
  EXPECT_TRUE(back_->seen.saw(virtio::Event::kDeviceResumed));
  EXPECT_EQ(back_->device.answered(), 2u);
}

TEST_F(LifecycleTest, RingsThatComeUpOneByOneAreServedAtOnce) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kNoStatus);
  front.share(memory_);
  front.make_ring(0);
  front.make_ring(1);
  front.describe_ring(0, 0);
  front.enable_ring(0);
  EXPECT_EQ(front.echo("first"), "first");
  front.describe_ring(1, 0);
  front.enable_ring(1);
  front.settle();
  EXPECT_EQ(front.echo("second"), "second");
  EXPECT_EQ(back_->device.starts(), 1);
}

TEST_F(LifecycleTest, QemusGenericDeviceNeverSaysDriverOk) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  front.set_status(virtio::kStatusFeaturesOk);
  front.share(memory_);
  for (const uint16_t index : kBothRings) {
    front.make_ring(index);
    front.describe_ring(index, 0);
  }
  front.enable_ring(0);
  front.enable_ring(1);
  EXPECT_EQ(front.echo("x"), "x");
}

TEST_F(LifecycleTest, NothingRunsBeforeTheDriverSaysSo) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  front.set_status(0x0b);
  front.share(memory_);
  front.make_ring(0);
  front.describe_ring(0, 0);
  front.enable_ring(0);
  front.submit("x");
  front.ring(0).kick->ring();
  front.settle();
  loop_->turn(false);
  EXPECT_EQ(back_->device.starts(), 0);
  front.set_status(0x0f);
  EXPECT_TRUE(front.wait_used(0));
}

// ---- Memory ----

TEST_F(LifecycleTest, MemoryComesAndGoesUnderTraffic) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  ASSERT_EQ(front.ask_word(Request::kGetMaxMemSlots), 64u);
  GuestMemory more(1 << 20, 1 << 30);
  for (int round = 0; round < 20; ++round) {
    front.submit("before");
    front.send(Request::kAddMemReg, slot(more.region()), {more.fd()});
    front.submit("between");
    front.send(Request::kRemMemReg, slot(more.region()));
    ASSERT_EQ(front.acknowledged(Request::kRemMemReg, slot(more.region())), false);
    ASSERT_TRUE(front.wait_used(0));
    ASSERT_TRUE(front.wait_used(0));
  }
  EXPECT_EQ(back_->device.answered(), 40u);
}

TEST_F(LifecycleTest, AsManySlotsAsPromised) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  GuestMemory memory(4096);
  const uint64_t slots = front.ask_word(Request::kGetMaxMemSlots);
  Region region = memory.region();
  for (uint64_t i = 0; i < slots; ++i, region.guest += 4096, region.user += 4096) {
    ASSERT_EQ(front.acknowledged(Request::kAddMemReg, slot(region), {memory.fd()}), true);
  }
  EXPECT_EQ(front.acknowledged(Request::kAddMemReg, slot(region), {memory.fd()}), false);
}

TEST_F(LifecycleTest, ABufferMayLieInTwoRegions) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  GuestMemory low(4096, 1 << 30);
  GuestMemory high(4096, (1 << 30) + 4096);
  front.send(Request::kAddMemReg, slot(low.region()), {low.fd()});
  front.send(Request::kAddMemReg, slot(high.region()), {high.fd()});
  std::memcpy(low.driver().bytes().last(2).data(), "ab", 2);
  std::memcpy(high.driver().bytes().data(), "cd", 2);
  const test::Buffer in{(1 << 30) + 4094, 4};
  const test::Buffer out{memory_.driver().allocate(16), 4};
  front.ring(0).queue->add({&in, 1}, {&out, 1});
  front.ring(0).queue->publish();
  front.ring(0).kick->ring();
  const auto used = front.wait_used(0);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->length, 4u);
  EXPECT_EQ(std::memcmp(memory_.driver().at(out.address), "abcd", 4), 0);
}

TEST_F(LifecycleTest, GuestAddressZeroIsMemory) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  std::memcpy(memory_.driver().bytes().data(), "zero", 4);
  const test::Buffer in{0, 4};
  const test::Buffer out{memory_.driver().allocate(16), 4};
  front.ring(0).queue->add({&in, 1}, {&out, 1});
  front.ring(0).queue->publish();
  front.ring(0).kick->ring();
  ASSERT_TRUE(front.wait_used(0));
  EXPECT_EQ(std::memcmp(memory_.driver().at(out.address), "zero", 4), 0);
}

// ---- Configuration ----

Bytes config(uint32_t offset, const std::vector<uint8_t>& bytes) {
  Bytes payload =
      bytes_of(std::array<uint32_t, 3>{offset, static_cast<uint32_t>(bytes.size()), uint32_t{0}});
  for (const uint8_t byte : bytes) payload.push_back(std::byte{byte});
  return payload;
}

TEST_F(LifecycleTest, ConfigurationIsReadAndWritten) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  EXPECT_EQ(front.acknowledged(Request::kSetConfig, config(1, {7, 8})), true);
  EXPECT_EQ(front.ask(Request::kGetConfig, config(1, {0, 0})).payload, config(1, {7, 8}));
  // What the device does not take, and what it does not have.
  front.send(Request::kSetConfig, config(0, {1}));
  EXPECT_EQ(front.ask(Request::kGetConfig, config(0, {0})).payload, config(0, {0}));
  EXPECT_TRUE(front.ask(Request::kGetConfig, config(7, {0, 0})).payload.empty());
}

// The back-end's channel, from the front-end's side.
struct Channel {
  explicit Channel(FrontEnd& front) {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    mine.reset(ends[0]);
    const runtime::UniqueFd theirs(ends[1]);
    front.send(Request::kSetBackendReqFd, {}, {theirs.get()});
    front.settle();
  }
  // The next message's id and ring.
  std::optional<std::pair<uint32_t, uint32_t>> next() const {
    std::array<std::byte, kHeaderSize> head{};
    if (recv(mine.get(), head.data(), head.size(), 0) != ssize_t{kHeaderSize}) return std::nullopt;
    const auto header = decode_header(head);
    std::array<uint32_t, 2> payload{};
    if (header->size != 0) {
      EXPECT_EQ(recv(mine.get(), payload.data(), sizeof(payload), 0), 8);
    }
    return std::pair{header->request, payload[0]};
  }
  runtime::UniqueFd mine;
};

TEST_F(LifecycleTest, AChangedConfigurationIsTold) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  const Channel channel(front);
  back_->device.set_config(9);
  EXPECT_TRUE(runtime::turn_until(*loop_, [&] {
    const auto told = channel.next();
    return told && told->first == static_cast<uint32_t>(BackendRequest::kConfigChange);
  }));
}

TEST_F(LifecycleTest, NewsWaitForAFrontEndThatIsBusy) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  const Channel channel(front);
  for (int i = 0; i < 5000; ++i) {
    back_->device.set_config(static_cast<uint8_t>(i));
    loop_->turn(false);
  }
  int told = 0;
  while (channel.next()) ++told;
  EXPECT_GT(told, 0);
  // The last change is told, however many were not.
  EXPECT_TRUE(runtime::turn_until(*loop_, [&] { return channel.next().has_value(); }));
}

TEST_F(LifecycleTest, InBandNotificationsNeedNoBells) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit & ~virtio::kFeatureEventIdx, kProtocolFeatures);
  const Channel channel(front);
  front.share(memory_);
  for (const uint16_t index : kBothRings) {
    front.make_ring(index);
    front.send(Request::kSetVringNum, state(index, 64));
    front.send(Request::kSetVringAddr, bytes_of(front.address_of(index)));
    front.send(Request::kSetVringKick, word(index | VringFd::kNoFd));
    front.send(Request::kSetVringCall, word(index | VringFd::kNoFd));
    front.enable_ring(index);
  }
  front.set_status(0x0f);
  front.submit("x");
  EXPECT_EQ(front.acknowledged(Request::kVringKick, state(0, 0)), true);
  EXPECT_TRUE(front.wait_used(0));
  EXPECT_TRUE(runtime::turn_until(*loop_, [&] {
    return channel.next() ==
           std::pair{static_cast<uint32_t>(BackendRequest::kVringCall), uint32_t{0}};
  }));
}

// ---- Requests that take time ----

TEST_F(LifecycleTest, AStopWaitsForWhatTheDeviceHas) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  back_->device.hold(true);
  front.submit("slow");
  ASSERT_TRUE(runtime::turn_until(*loop_, [&] { return back_->device.held() == 1; }));
  front.send(Request::kGetVringBase, state(0, 0));
  loop_->turn(false);
  back_->device.answer_held();
  const auto reply = front.receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(word_of(reply->payload) >> 32, 1u);
  EXPECT_TRUE(front.ring(0).queue->get_used());
}

TEST_F(LifecycleTest, WhatTheDeviceKeepsIsServedAfterTheStop) {
  for (const uint64_t features : {kSplit, kPacked}) {
    GuestMemory memory(1 << 20);
    FrontEnd front(*loop_, path_);
    front.come_up(memory, features, kAllProtocol);
    ASSERT_TRUE(front.echo("x"));
    back_->device.hold(true);
    front.submit("kept");
    ASSERT_TRUE(runtime::turn_until(*loop_, [&] { return back_->device.held() == 1; }));
    const uint32_t base = front.stop_ring(0);
    // Behind what is used: an index, or the slots of two descriptors.
    EXPECT_EQ(base & 0x7fff, features == kSplit ? 1u : 2u);
    back_->device.hold(false);
    front.describe_ring(0, base);
    EXPECT_TRUE(front.wait_used(0));
    EXPECT_FALSE(front.ring(0).queue->get_used());
  }
}

TEST_F(LifecycleTest, MemoryStaysUntilTheDeviceIsIdle) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  back_->device.set_idle(false);
  front.send(Request::kRemMemReg, slot(memory_.region()), {}, true);
  for (int i = 0; i < 3; ++i) loop_->turn(false);
  EXPECT_EQ(back_->device.stops(), 1);
  front.send(Request::kGetFeatures);
  loop_->turn(false);
  back_->device.set_idle(true);
  loop_->turn(false);
  EXPECT_EQ(word_of(front.receive().value().payload), 0u) << "the removal comes first";
  EXPECT_NE(word_of(front.receive().value().payload), 0u);
}

// ---- Two links, and the other way to meet ----

TEST_F(LifecycleTest, TwoLinksServeTwoFrontEnds) {
  BackEnd other(*loop_, scratch_.file("other.sock"));
  GuestMemory other_memory(1 << 20);
  FrontEnd a(*loop_, path_);
  FrontEnd b(*loop_, scratch_.file("other.sock"));
  a.come_up(memory_, kSplit, kAllProtocol);
  b.come_up(other_memory, kPacked, kNoStatus);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(a.echo("for a"), "for a");
    ASSERT_EQ(b.echo("for b"), "for b");
  }
  b.send(Request::kSetVringNum, state(5, 5));
  EXPECT_TRUE(b.hung_up());
  EXPECT_EQ(a.echo("still"), "still");
}

TEST_F(LifecycleTest, AClientConnectsAndComesBack) {
  const std::string path = scratch_.file("front.sock");
  SeenEvents seen;
  test::EchoDevice device;
  auto link = VhostUserLink::create(*loop_, "client", seen, device, test_options());
  ASSERT_TRUE(link);
  (*link)->connect_to(path);
  for (int i = 0; i < 3; ++i) loop_->turn(false);
  auto claim = runtime::SocketClaim::claim(path);
  ASSERT_TRUE(claim);
  const auto listener = claim->listen(static_cast<uid_t>(-1), static_cast<gid_t>(-1), 0600);
  ASSERT_TRUE(listener);
  for (int round = 1; round <= 3; ++round) {
    runtime::UniqueFd socket;
    ASSERT_TRUE(runtime::turn_until(*loop_, [&] {
      socket.reset(accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return socket.valid();
    }));
    GuestMemory memory(1 << 20);
    FrontEnd front(*loop_, std::move(socket));
    front.come_up(memory, kSplit, kAllProtocol);
    EXPECT_EQ(front.echo("x"), "x");
    EXPECT_EQ((*link)->counters().front_ends, static_cast<uint64_t>(round));
  }
}

}  // namespace
}  // namespace stratos::links::vhost_user
