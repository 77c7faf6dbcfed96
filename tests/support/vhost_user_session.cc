// SPDX-License-Identifier: Apache-2.0

#include "vhost_user_session.h"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "virtio/features.h"

namespace stratos::test {

using vhost_user::Request;
using vhost_user::VringState;

void VhostUserSession::agree_on(uint64_t features, uint64_t protocol) {
  const uint64_t offered = channel_.ask_for_number(Request::kGetFeatures);
  features_ = offered & features & ~vhost_user::kFeatureProtocolFeatures;
  protocol_features_ = 0;
  if ((offered & vhost_user::kFeatureProtocolFeatures) != 0)
    protocol_features_ = channel_.ask_for_number(Request::kGetProtocolFeatures) & protocol;
  if (protocol_features_ != 0) channel_.tell(Request::kSetProtocolFeatures, protocol_features_);
  channel_.tell(Request::kSetOwner);
}

void VhostUserSession::accept_features() {
  const uint64_t ours = protocol_features_ != 0 ? vhost_user::kFeatureProtocolFeatures : 0;
  channel_.tell(Request::kSetFeatures, features_ | ours);
}

void VhostUserSession::share(GuestMemory& memory) {
  memory_ = &memory;
  const std::array fds{memory.fd()};
  if (has(vhost_user::kConfigureMemSlots)) {
    channel_.tell(Request::kAddMemReg,
                  vhost_user::MemorySlot{.padding = 0, .region = memory.region()}, fds);
  } else {
    channel_.tell(Request::kSetMemTable,
                  vhost_user::MemoryTable{.count = 1, .padding = 0, .region = memory.region()},
                  fds);
  }
}

void VhostUserSession::make_ring(uint16_t index, uint16_t size) {
  ring(index).queue = DriverQueue::make(
      memory_->driver(), {.size = size,
                          .packed = (features_ & virtio::kFeatureRingPacked) != 0,
                          .event_idx = (features_ & virtio::kFeatureEventIdx) != 0,
                          .indirect = (features_ & virtio::kFeatureIndirectDesc) != 0});
}

void VhostUserSession::make_bells(uint16_t index) {
  for (auto* bell : {&ring(index).kick, &ring(index).call, &ring(index).error}) {
    auto made = runtime::EventFd::create();
    if (!made) throw std::runtime_error("no eventfd: " + made.error().message());
    *bell = std::move(*made);
  }
}

vhost_user::VringAddress VhostUserSession::address_of(uint16_t index) const {
  const virtio::QueueSetup& setup = rings_.at(index).queue->setup();
  return {.index = index,
          .flags = 0,
          .desc = setup.desc + GuestMemory::kUserOffset,
          .used = setup.device + GuestMemory::kUserOffset,
          .avail = setup.driver + GuestMemory::kUserOffset,
          .log = 0};
}

void VhostUserSession::announce_ring(uint16_t index, uint32_t base) {
  const Ring& ring = rings_.at(index);
  const uint64_t number = index;
  channel_.tell(Request::kSetVringNum,
                VringState{.index = index, .value = ring.queue->setup().size});
  channel_.tell(Request::kSetVringBase, VringState{.index = index, .value = base});
  channel_.tell(Request::kSetVringAddr, address_of(index));
  channel_.tell(Request::kSetVringKick, number, std::array{ring.kick->fd()});
  channel_.tell(Request::kSetVringCall, number, std::array{ring.call->fd()});
  channel_.tell(Request::kSetVringErr, number, std::array{ring.error->fd()});
}

void VhostUserSession::enable_ring(uint16_t index, bool enable) {
  channel_.tell(Request::kSetVringEnable, VringState{.index = index, .value = enable});
}

uint32_t VhostUserSession::stop_ring(uint16_t index) {
  return channel_.ask_for(Request::kGetVringBase, VringState{.index = index, .value = 0}).value;
}

uint32_t VhostUserSession::left_base(uint16_t index) const {
  const auto ahead = rings_.at(index).queue->clone();
  while (ahead->get_used()) {
  }
  return ahead->used_position();
}

bool VhostUserSession::kick_if_needed(uint16_t index) {
  const Ring& ring = rings_.at(index);
  if (!ring.queue->kick_needed() || !ring.kick) return false;
  ring.kick->ring();
  return true;
}

VhostUserChannel::Reply VhostUserSession::get_inflight(uint16_t queues, uint16_t queue_size,
                                                       size_t padding) {
  const vhost_user::InflightArea wanted{
      .size = 0, .offset = 0, .queues = queues, .queue_size = queue_size};
  std::vector<std::byte> payload(sizeof wanted + padding);
  std::memcpy(payload.data(), &wanted, sizeof wanted);
  auto reply = channel_.ask(Request::kGetInflightFd, payload);
  if (reply.fds.size() != 1 || reply.payload.size() != payload.size())
    throw std::runtime_error("no record of what is in flight came");
  return reply;
}

void VhostUserSession::set_inflight(const VhostUserChannel::Reply& inflight) {
  channel_.tell(Request::kSetInflightFd, std::span(inflight.payload),
                std::array{inflight.fds.front().get()});
}

}  // namespace stratos::test
