// SPDX-License-Identifier: Apache-2.0
// A driver's requests through a vhost-user link, however the front-end sets it up.

#include "drain.h"
#include "vhost_user/link_rig.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint64_t kOldMemoryTable = ~bit_of(ProtocolFeature::kConfigureMemSlots);

struct Kind {
  const char* name;
  uint64_t features;
  uint64_t protocol;
};

class TrafficTest : public LinkTest, public testing::WithParamInterface<Kind> {};

TEST_P(TrafficTest, RequestsAreAnswered) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, GetParam().features, GetParam().protocol);
  for (int i = 0; i < 200; ++i) {
    const std::string text = "request " + std::to_string(i);
    ASSERT_EQ(front.echo(text), text);
  }
  EXPECT_EQ(back_->device.answered(), 200u);
  EXPECT_EQ(back_->device.starts(), 1);
}

TEST_P(TrafficTest, TheDriverIsCalled) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, GetParam().features, GetParam().protocol);
  test::drain(*front.ring(0).call);
  ASSERT_TRUE(front.echo("x"));
  loop_->turn(false);
  EXPECT_TRUE(test::drain(*front.ring(0).call));
}

TEST_P(TrafficTest, AKickBeforeTheRingIsEnabledIsNotLost) {
  FrontEnd front(*loop_, path_);
  front.negotiate(GetParam().features, GetParam().protocol | kNoStatus);
  front.share(memory_);
  for (uint16_t index = 0; index < 2; ++index) {
    front.make_ring(index);
    front.describe_ring(index, front.first_base());
  }
  front.submit("early");
  front.ring(0).kick->ring();
  if (front.has(bit_of(ProtocolFeature::kStatus))) front.set_status(0x0f);
  front.settle();
  EXPECT_EQ(back_->device.answered(), 0u);
  front.enable_ring(0);
  front.enable_ring(1);
  EXPECT_TRUE(front.wait_used(0));
}

TEST_P(TrafficTest, ARingThatIsStoppedGoesOnWhereItWas) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, GetParam().features, GetParam().protocol);
  for (int i = 0; i < 70; ++i) ASSERT_TRUE(front.echo("before"));
  for (int round = 0; round < 3; ++round) {
    const uint32_t base = front.stop_ring(0);
    EXPECT_NE(base, front.first_base());
    front.submit("meanwhile");
    front.settle();
    EXPECT_FALSE(front.ring(0).queue->get_used());
    front.describe_ring(0, base);
    ASSERT_TRUE(front.wait_used(0));
    for (int i = 0; i < 7; ++i) ASSERT_EQ(front.echo("after"), "after");
  }
  EXPECT_FALSE(back_->link->instance().status() & virtio::kStatusNeedsReset);
}

TEST_P(TrafficTest, ADisabledRingIsNotServed) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, GetParam().features, GetParam().protocol);
  if (front.protocol_features() == 0)
    GTEST_SKIP() << "without the protocol rings are always enabled";
  ASSERT_TRUE(front.echo("x"));
  front.enable_ring(0, false);
  front.settle();
  front.submit("later");
  front.settle();
  EXPECT_FALSE(front.ring(0).queue->get_used());
  front.enable_ring(0);
  EXPECT_TRUE(front.wait_used(0));
}

TEST_P(TrafficTest, BytesOfTheDeviceArrive) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, GetParam().features, GetParam().protocol);
  const test::Buffer out{memory_.driver().allocate(16), 16};
  front.ring(1).queue->add({}, {&out, 1});
  front.ring(1).queue->publish();
  front.ring(1).kick->ring();
  front.settle();
  back_->device.emit(42);
  ASSERT_TRUE(front.wait_used(1));
  EXPECT_EQ(*memory_.driver().at(out.address), std::byte{42});
}

INSTANTIATE_TEST_SUITE_P(
    FrontEnds, TrafficTest,
    testing::Values(Kind{"Split", kSplit, kAllProtocol}, Kind{"Packed", kPacked, kAllProtocol},
                    Kind{"NoEventIdx", kSplit & ~virtio::kFeatureEventIdx, kAllProtocol},
                    Kind{"SplitNoStatus", kSplit, kNoStatus},
                    Kind{"PackedNoStatus", kPacked, kNoStatus},
                    Kind{"OldMemoryTable", kSplit, kAllProtocol& kOldMemoryTable},
                    Kind{"NoProtocol", kSplit, 0}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace stratos::links::vhost_user
