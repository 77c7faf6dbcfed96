// SPDX-License-Identifier: Apache-2.0
// A vhost-user link with an echo device, and the socket where it listens.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hub/scratch_directory.h"
#include "links/vhost_user/vhost_user_link.h"
#include "runtime/socket_claim.h"
#include "runtime/test_loop.h"
#include "vhost_user/front_end.h"
#include "virtio/echo_device.h"

namespace stratos::links::vhost_user {

struct SeenEvents final : virtio::Observer {
  void on_event(virtio::Event event, uint16_t, uint32_t) override { events.push_back(event); }
  bool saw(virtio::Event event) const { return std::ranges::find(events, event) != events.end(); }
  std::vector<virtio::Event> events;
};

// The protocol features of front-ends: with STATUS as QEMU has it, and without.
inline constexpr uint64_t kAllProtocol =
    kProtocolFeatures & ~bit_of(ProtocolFeature::kInbandNotifications);
inline constexpr uint64_t kNoStatus = kAllProtocol & ~bit_of(ProtocolFeature::kStatus);
inline constexpr uint64_t kSplit = ~test::EchoDevice::kRefusedFeature & ~virtio::kFeatureRingPacked;
inline constexpr uint64_t kPacked = ~test::EchoDevice::kRefusedFeature;

inline constexpr std::array<uint16_t, 2> kBothRings{0, 1};

inline VhostUserLink::Options test_options() {
  VhostUserLink::Options options;
  options.ring_features |= virtio::kFeatureRingPacked;
  options.drain = std::chrono::milliseconds(20);
  options.retry = std::chrono::milliseconds(5);
  return options;
}

// A back-end's process, as far as it matters. What goes out of scope is a process that
// said goodbye to nobody.
struct BackEnd {
  BackEnd(runtime::Loop& loop, const std::string& path)
      : claim(std::move(*runtime::SocketClaim::claim(path))),
        link(std::move(*VhostUserLink::create(loop, "test", seen, device, test_options()))) {
    link->listen(std::move(*claim.listen(static_cast<uid_t>(-1), static_cast<gid_t>(-1), 0600)));
  }

  SeenEvents seen;
  test::EchoDevice device;
  runtime::SocketClaim claim;
  std::unique_ptr<VhostUserLink> link;
};

class LinkTest : public testing::Test {
 protected:
  hub::ScratchDirectory scratch_;
  std::string path_ = scratch_.file("vhost.sock");
  std::unique_ptr<runtime::Loop> loop_ = runtime::make_loop();
  std::unique_ptr<BackEnd> back_ = std::make_unique<BackEnd>(*loop_, path_);
  GuestMemory memory_{4 << 20};
};

}  // namespace stratos::links::vhost_user
