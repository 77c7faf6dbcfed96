// SPDX-License-Identifier: Apache-2.0
#include "links/shm/shm_link.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "links/link_rig.h"

namespace stratos::links {
namespace {

class ShmLinkTest : public testing::Test {
 protected:
  void SetUp() override { start_hub(); }
  void start_hub() {
    auto started = hub::Hub::start(*loop_, link_config(scratch_));
    ASSERT_TRUE(started.has_value()) << started.error();
    hub_ = std::move(*started);
  }
  std::unique_ptr<Helper> helper() {
    return std::make_unique<Helper>(*loop_, scratch_.file("a.sock"));
  }
  std::unique_ptr<Guest> guest() {
    return std::make_unique<Guest>(scratch_.file("a.qemu"), [this] { loop_->turn(false); });
  }
  bool until(const std::function<bool()>& condition) {
    return runtime::turn_until(*loop_, condition);
  }

  hub::ScratchDirectory scratch_;
  std::unique_ptr<runtime::Loop> loop_ = runtime::make_loop();
  std::unique_ptr<hub::Hub> hub_;
};

TEST_F(ShmLinkTest, RequestGoesThroughHubLinkAndDeviceAndBack) {
  auto device_side = helper();
  auto driver_side = guest();
  ASSERT_TRUE(driver_side->come_up());
  EXPECT_EQ(driver_side->echo("hello"), "hello");
  EXPECT_TRUE(device_side->observer.saw(virtio::Event::kDeviceStarted));
}

TEST_F(ShmLinkTest, GuestThatComesFirstIsServedOnceTheHelperIsThere) {
  auto driver_side = guest();
  driver_side->driver().begin();
  auto device_side = helper();
  ASSERT_TRUE(driver_side->come_up());
  EXPECT_EQ(driver_side->echo("hello"), "hello");
}

TEST_F(ShmLinkTest, HelperThatReleasesTheLinkIsFollowedByOneThatGoesOn) {
  auto first = helper();
  auto driver_side = guest();
  ASSERT_TRUE(driver_side->come_up());
  ASSERT_EQ(driver_side->echo("one"), "one");
  const uint32_t epoch = first->link.msg_link()->epoch();
  first.reset();
  auto second = helper();
  EXPECT_EQ(driver_side->echo("two"), "two");
  EXPECT_EQ(second->link.msg_link()->epoch(), epoch);
  EXPECT_TRUE(second->observer.saw(virtio::Event::kLinkResumed));
  EXPECT_EQ(driver_side->driver().status(), virtio::LinkStatus::kRun);
}

TEST_F(ShmLinkTest, ShutDownIsToldToTheDriverSide) {
  auto device_side = helper();
  auto driver_side = guest();
  ASSERT_TRUE(driver_side->come_up());
  device_side->link.shut_down();
  EXPECT_FALSE(device_side->link.attached());
  EXPECT_TRUE(driver_side->driver().wait_for(
      [&] { return driver_side->driver().status() == virtio::LinkStatus::kPeerDead; }));
}

TEST_F(ShmLinkTest, NextGuestOnTheSameSeatComesUpAsTheFirstDid) {
  auto device_side = helper();
  auto first = guest();
  ASSERT_TRUE(first->come_up());
  first.reset();
  auto second = guest();
  ASSERT_TRUE(second->come_up());
  EXPECT_EQ(second->echo("hello"), "hello");
}

TEST_F(ShmLinkTest, HubThatGoesAwayIsReportedAndTheLinkGoesOn) {
  auto device_side = helper();
  auto driver_side = guest();
  ASSERT_TRUE(driver_side->come_up());
  hub_.reset();
  ASSERT_TRUE(until([&] { return device_side->losses == 1; }));
  EXPECT_FALSE(device_side->peer.seated());
  EXPECT_TRUE(driver_side->closed());
  EXPECT_EQ(driver_side->echo("still here"), "still here");
}

TEST_F(ShmLinkTest, NewHubIsUsedOnceTheOldDriverSideLeft) {
  auto device_side = helper();
  auto old_guest = guest();
  ASSERT_TRUE(old_guest->come_up());
  hub_.reset();
  start_hub();
  ASSERT_TRUE(until([&] { return device_side->attachments == 2; }));
  EXPECT_EQ(old_guest->echo("old"), "old");
  old_guest->driver().leave();
  auto new_guest = guest();
  ASSERT_TRUE(new_guest->come_up());
  EXPECT_EQ(new_guest->echo("new"), "new");
}

TEST_F(ShmLinkTest, OldMemoryStaysMappedUntilTheDevicesAreIdle) {
  auto device_side = helper();
  auto old_guest = guest();
  ASSERT_TRUE(old_guest->come_up());
  device_side->device.set_idle(false);
  hub_.reset();
  start_hub();
  ASSERT_TRUE(until([&] { return device_side->attachments == 2; }));
  old_guest->driver().leave();
  for (int i = 0; i < 100; ++i) loop_->turn(false);
  EXPECT_FALSE(device_side->link.attached());
  device_side->device.set_idle(true);
  auto new_guest = guest();
  ASSERT_TRUE(new_guest->come_up());
  EXPECT_EQ(new_guest->echo("new"), "new");
}

TEST_F(ShmLinkTest, DeviceNumberIsTakenOnce) {
  auto device_side = helper();
  test::EchoDevice other;
  EXPECT_EQ(device_side->link.add_device(3, other, kDeviceMemory).error(),
            virtio::LinkError::kNumber);
}

TEST_F(ShmLinkTest, DeviceMayComeAndGoWhileTheLinkRuns) {
  auto device_side = helper();
  auto driver_side = guest();
  ASSERT_TRUE(driver_side->come_up());
  test::EchoDevice other;
  ASSERT_TRUE(device_side->link.add_device(5, other, kDeviceMemory).has_value());
  EXPECT_EQ(driver_side->driver().enumerate(), (std::vector<uint16_t>{3, 5}));
  device_side->link.remove_device(5);
  EXPECT_EQ(driver_side->driver().enumerate(), (std::vector<uint16_t>{3}));
}

TEST_F(ShmLinkTest, DeviceThatDoesNotFitIsNamed) {
  QuietObserver observer;
  test::EchoDevice device;
  ShmLink link(*loop_, "a", observer, {});
  ASSERT_TRUE(link.add_device(7, device, kRegionSize * 2).has_value());
  std::string error;
  HubPeer peer(*loop_, scratch_.file("a.sock"),
               {.on_attached = [&](std::unique_ptr<Attachment> attachment) {
                 auto done = link.attach(std::move(attachment));
                 if (!done) error = done.error();
               }});
  ASSERT_TRUE(until([&] { return peer.seated(); }));
  EXPECT_NE(error.find("device 7"), std::string::npos) << error;
  EXPECT_FALSE(link.attached());
}

}  // namespace
}  // namespace stratos::links
