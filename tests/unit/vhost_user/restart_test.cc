// SPDX-License-Identifier: Apache-2.0
// A back-end dies without a word, another one takes its place, and the driver's requests
// are answered once each. And the device's state on its way to another machine.

#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "vhost_user/link_rig.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint64_t kNoInflight = kAllProtocol & ~bit_of(ProtocolFeature::kInflightShmfd);

class RestartTest : public LinkTest, public testing::WithParamInterface<uint64_t> {
 protected:
  // All that a process leaves behind when it is killed: here its requests are held, so that
  // it has nothing to publish on its way out.
  void kill_back_end() {
    back_.reset();
    back_ = std::make_unique<BackEnd>(*loop_, path_);
  }
};

TEST_P(RestartTest, RequestsInFlightAreAnsweredOnceByTheSuccessor) {
  auto front = std::make_unique<FrontEnd>(*loop_, path_);
  front->negotiate(GetParam(), kAllProtocol);
  front->share(memory_);
  front->make_ring(0);
  front->make_ring(1);
  const Reply inflight = front->get_inflight(2, 64, kInflightPadding);
  front->set_inflight(inflight);
  front->start_rings({front->first_base(), front->first_base()});
  for (int i = 0; i < 70; ++i) ASSERT_TRUE(front->echo("before"));

  back_->device.hold(true);
  for (int i = 0; i < 5; ++i) front->submit("in flight");
  ASSERT_TRUE(runtime::turn_until(*loop_, [&] { return back_->device.held() == 5; }));
  kill_back_end();
  ASSERT_TRUE(front->hung_up());
  for (int i = 0; i < 3; ++i) front->submit("meanwhile");

  FrontEnd again(*loop_, path_);
  again.negotiate(GetParam(), kAllProtocol);
  again.share(memory_);
  again.set_inflight(inflight);
  for (const uint16_t index : kBothRings)
    again.ring(index).queue = std::move(front->ring(index).queue);
  // Where packed rings stand, a VMM cannot see, unlike their driver.
  const bool packed = GetParam() == kPacked;
  again.start_rings({packed ? again.first_base() : again.left_base(0),
                     packed ? again.first_base() : again.left_base(1)});
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(again.wait_used(0));
  EXPECT_FALSE(again.ring(0).queue->get_used());
  EXPECT_EQ(again.ring(0).queue->outstanding(), 0u);
  EXPECT_EQ(back_->device.answered(), 78u) << "what the device remembers came along";
  EXPECT_TRUE(back_->seen.saw(virtio::Event::kDeviceResumed));
  EXPECT_EQ(again.echo("after"), "after");
}

INSTANTIATE_TEST_SUITE_P(Rings, RestartTest, testing::Values(kSplit, kPacked),
                         [](const auto& kind) {
                           return kind.param == kSplit ? "Split" : "Packed";
                         });

// Without inflight memory of the front-end's, split rings say themselves where they stand.
TEST_F(LinkTest, AFrontEndThatComesBackGoesOn) {
  auto front = std::make_unique<FrontEnd>(*loop_, path_);
  front->come_up(memory_, kSplit, kNoInflight);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(front->echo("before"));
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<test::DriverQueue>> queues;
    for (const uint16_t index : kBothRings) queues.push_back(std::move(front->ring(index).queue));
    front.reset();
    auto again = std::make_unique<FrontEnd>(*loop_, path_);
    again->negotiate(kSplit, kNoInflight);
    again->share(memory_);
    for (const uint16_t index : kBothRings) again->ring(index).queue = std::move(queues[index]);
    again->start_rings({again->left_base(0), again->left_base(1)});
    ASSERT_EQ(again->echo("after"), "after");
    front = std::move(again);
  }
  EXPECT_EQ(back_->device.answered(), 8u) << "what the device remembers stays";
}

class StateTest : public LinkTest {
 protected:
  struct Pipe {
    Pipe() {
      std::array<int, 2> ends{};
      EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
      out.reset(ends[0]);
      in.reset(ends[1]);
    }
    runtime::UniqueFd out;
    runtime::UniqueFd in;
  };

  static constexpr uint64_t kOk = 0x100;
  uint64_t transfer(FrontEnd& front, uint32_t direction, int fd) {
    return word_of(front.ask(Request::kSetDeviceStateFd, state(direction, 0), {fd}).payload);
  }
  uint64_t checked(FrontEnd& front) { return front.ask_word(Request::kCheckDeviceState); }
};

TEST_F(StateTest, TheDeviceGoesOnOnAnotherMachine) {
  FrontEnd source(*loop_, path_);
  source.come_up(memory_, kSplit, kAllProtocol);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(source.echo("x"));
  const std::vector<uint32_t> bases{source.stop_ring(0), source.stop_ring(1)};
  source.set_status(0);
  Pipe pipe;
  ASSERT_EQ(transfer(source, 0, pipe.in.get()), kOk);
  pipe.in.reset();
  ASSERT_EQ(checked(source), 0u);

  BackEnd there(*loop_, scratch_.file("there.sock"));
  FrontEnd target(*loop_, scratch_.file("there.sock"));
  target.negotiate(kSplit, kAllProtocol);
  ASSERT_EQ(transfer(target, 1, pipe.out.get()), kOk);
  ASSERT_EQ(checked(target), 0u);
  target.share(memory_);
  for (const uint16_t index : kBothRings)
    target.ring(index).queue = std::move(source.ring(index).queue);
  target.start_rings(bases);
  EXPECT_EQ(target.echo("y"), "y");
  EXPECT_EQ(there.device.answered(), 6u);
}

TEST_F(StateTest, StateIsSavedOnlyWhileNothingRuns) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  Pipe pipe;
  EXPECT_EQ(transfer(front, 0, pipe.in.get()), kOk | 1);
  EXPECT_NE(checked(front), 0u);
  EXPECT_EQ(front.echo("x"), "x");
}

TEST_F(StateTest, StateThatIsNoneIsRefused) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  {
    Pipe pipe;
    ASSERT_EQ(::write(pipe.in.get(), "nonsense", 8), 8);
    pipe.in.reset();
    ASSERT_EQ(transfer(front, 1, pipe.out.get()), kOk);
    EXPECT_NE(checked(front), 0u);
  }
  // One that never ends must not hold us up.
  Pipe pipe;
  ASSERT_EQ(transfer(front, 1, pipe.out.get()), kOk);
  EXPECT_NE(checked(front), 0u);
  // A file is no pipe.
  EXPECT_EQ(transfer(front, 0, memory_.fd()), kOk | 1);
  EXPECT_NE(checked(front), 0u);
}

TEST_F(StateTest, AResetDeviceRemembersNothing) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  ASSERT_TRUE(front.echo("x"));
  ASSERT_EQ(front.acknowledged(Request::kResetDevice), true);
  EXPECT_EQ(front.ask_word(Request::kGetStatus), 0u);
  front.make_ring(0);
  front.make_ring(1);
  front.start_rings({0, 0});
  EXPECT_EQ(front.echo("y"), "y");
  EXPECT_FALSE(back_->seen.saw(virtio::Event::kDeviceResumed));
}

TEST_F(StateTest, InflightMemoryOfAnotherMakeHasRoomForTablesAlone) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  front.share(memory_);
  front.make_ring(0);
  front.make_ring(1);
  Reply inflight = front.get_inflight(2, 64, kInflightPadding);
  const uint64_t size = 2 * virtio::InflightTable::bytes(64, false);
  std::memcpy(inflight.payload.data(), &size, sizeof(size));
  front.set_inflight(inflight);
  front.start_rings({0, 0});
  EXPECT_EQ(front.echo("x"), "x");
}

}  // namespace
}  // namespace stratos::links::vhost_user
