// SPDX-License-Identifier: Apache-2.0

#include "vhost_user_front.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "drain.h"
#include "virtio/features.h"

namespace stratos::test {

using runtime::UniqueFd;
using vhost_user::Request;

namespace {

// Guest addresses that are no offsets in the file.
constexpr uint64_t kMemoryAddress = uint64_t{4} << 30;

// What devices call their own, and what the rings here can do.
constexpr uint64_t kUsable =
    0xffffff | virtio::kFeatureIndirectDesc | virtio::kFeatureEventIdx | virtio::kFeatureRingPacked;
constexpr uint64_t kUsableProtocol =
    vhost_user::kMq | vhost_user::kReplyAck | vhost_user::kBackendReq | vhost_user::kConfig |
    vhost_user::kInflightShmfd | vhost_user::kConfigureMemSlots | vhost_user::kStatus;

}  // namespace

VhostUserFront::VhostUserFront(VhostUserChannel channel, const Options& options)
    : options_(options),
      session_(std::move(channel)),
      memory_(std::make_unique<GuestMemory>(options.memory_size, kMemoryAddress)) {
  come_up();
}

void VhostUserFront::reconnect(VhostUserChannel channel) {
  session_.channel() = std::move(channel);
  come_up();
}

void VhostUserFront::come_up() {
  negotiate();
  session_.share(*memory_);
  share_inflight();
  for (uint16_t index = 0; index < options_.queues; ++index) {
    if (!session_.ring(index).queue) {
      session_.make_ring(index, options_.queue_size);
      session_.make_bells(index);
    }
    start_queue(index, session_.left_base(index));
  }
  add_status(virtio::kStatusDriverOk);
}

void VhostUserFront::negotiate() {
  session_.agree_on((options_.features & kUsable) | virtio::kFeatureVersion1,
                    options_.protocol_features & kUsableProtocol);
  if ((features() & virtio::kFeatureVersion1) == 0)
    throw std::runtime_error("the back-end does not offer VERSION_1");
  VhostUserChannel& channel = session_.channel();
  if (session_.has(vhost_user::kReplyAck)) channel.expect_acknowledgements();
  if (session_.has(vhost_user::kBackendReq)) {
    std::array<int, 2> ends;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw std::runtime_error("socketpair failed");
    requests_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    channel.tell(Request::kSetBackendReqFd, {}, std::array{theirs.get()});
  }
  if (session_.has(vhost_user::kMq) &&
      channel.ask_for_number(Request::kGetQueueNum) < options_.queues)
    throw std::runtime_error("the back-end has too few queues");
  if (session_.has(vhost_user::kStatus)) session_.set_status(0);
  add_status(virtio::kStatusAcknowledge | virtio::kStatusDriver);
  session_.accept_features();
  add_status(virtio::kStatusFeaturesOk);
}

void VhostUserFront::share_inflight() {
  if (!session_.has(vhost_user::kInflightShmfd)) return;
  if (!inflight_) inflight_ = session_.get_inflight(options_.queues, options_.queue_size);
  session_.set_inflight(*inflight_);
}

void VhostUserFront::start_queue(uint16_t index, uint32_t base) {
  session_.announce_ring(index, base);
  if (protocol_features() != 0) session_.enable_ring(index);
}

bool VhostUserFront::wait_for_call(uint16_t index, std::chrono::milliseconds timeout) {
  const runtime::EventFd& call = *session_.ring(index).call;
  pollfd called{call.fd(), POLLIN, 0};
  if (poll(&called, 1, static_cast<int>(timeout.count())) <= 0) return false;
  test::drain(call);
  return true;
}

std::vector<std::byte> VhostUserFront::read_config(uint32_t offset, uint32_t size) {
  const vhost_user::ConfigHeader header{.offset = offset, .size = size, .flags = 0};
  std::vector<std::byte> payload(sizeof header + size);
  std::memcpy(payload.data(), &header, sizeof header);
  auto reply = session_.channel().ask(Request::kGetConfig, payload);
  if (reply.payload.size() != payload.size())
    throw std::runtime_error("the back-end does not show its configuration");
  reply.payload.erase(reply.payload.begin(), reply.payload.begin() + sizeof header);
  return reply.payload;
}

std::optional<uint8_t> VhostUserFront::status() {
  if (!session_.has(vhost_user::kStatus)) return std::nullopt;
  return static_cast<uint8_t>(session_.channel().ask_for_number(Request::kGetStatus));
}

void VhostUserFront::add_status(uint8_t status) {
  if (const auto now = this->status()) session_.set_status(*now | status);
}

}  // namespace stratos::test
