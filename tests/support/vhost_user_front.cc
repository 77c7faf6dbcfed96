// SPDX-License-Identifier: Apache-2.0

#include "vhost_user_front.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "virtio/features.h"

namespace stratos::test {

using runtime::UniqueFd;
using vhost_user::Request;

namespace {

// Guest physical addresses that are neither offsets nor addresses of this process, so that nobody
// takes one for another.
constexpr uint64_t kMemoryAddress = uint64_t{4} << 30;

// What devices call their own, and what the rings here can do.
constexpr uint64_t kUsable = 0xffffff | virtio::kFeatureIndirectDesc | virtio::kFeatureEventIdx |
                             virtio::kFeatureRingPacked | virtio::kFeatureVersion1 |
                             vhost_user::kFeatureProtocolFeatures;
constexpr uint64_t kUsableProtocol =
    vhost_user::kMq | vhost_user::kReplyAck | vhost_user::kBackendReq | vhost_user::kConfig |
    vhost_user::kInflightShmfd | vhost_user::kConfigureMemSlots | vhost_user::kStatus;

UniqueFd make_event() { return UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

}  // namespace

VhostUserFront::VhostUserFront(VhostUserChannel channel, const Options& options)
    : options_(options), channel_(std::move(channel)) {
  memory_fd_ = UniqueFd(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory_fd_ || ftruncate(memory_fd_.get(), static_cast<off_t>(options.memory_size)) != 0)
    throw std::runtime_error("no memory for a guest");
  auto mapping = runtime::Mapping::map(memory_fd_.get(), options.memory_size);
  if (!mapping) throw std::runtime_error("cannot map the memory of a guest");
  mapping_ = std::move(*mapping);
  memory_ = std::make_unique<DriverMemory>(mapping_.bytes(), kMemoryAddress);
  negotiate();
  make_queues();
  share_memory();
  share_inflight();
  for (uint16_t index = 0; index < options_.queues; ++index)
    start_queue(index, queues_[index].ring->used_position());
  set_status(virtio::kStatusDriverOk);
}

void VhostUserFront::reconnect(VhostUserChannel channel) {
  channel_ = std::move(channel);
  negotiate();
  share_memory();
  share_inflight();
  for (uint16_t index = 0; index < options_.queues; ++index) {
    // What the back-end before used, seen by now or not, is behind it.
    const auto ring = queues_[index].ring->clone();
    while (ring->get_used()) {
    }
    start_queue(index, ring->used_position());
  }
  set_status(virtio::kStatusDriverOk);
}

void VhostUserFront::negotiate() {
  const uint64_t offered = channel_.ask_for_number(Request::kGetFeatures);
  if ((offered & virtio::kFeatureVersion1) == 0)
    throw std::runtime_error("the back-end does not offer VERSION_1");
  features_ = offered & options_.features & kUsable;
  features_ |= virtio::kFeatureVersion1 | (offered & vhost_user::kFeatureProtocolFeatures);
  if ((offered & vhost_user::kFeatureProtocolFeatures) != 0) {
    protocol_features_ = channel_.ask_for_number(Request::kGetProtocolFeatures) &
                         options_.protocol_features & kUsableProtocol;
    channel_.tell(Request::kSetProtocolFeatures, protocol_features_);
    if (has(vhost_user::kReplyAck)) channel_.expect_acknowledgements();
  }
  channel_.tell(Request::kSetOwner);
  if (has(vhost_user::kBackendReq)) {
    std::array<int, 2> ends;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw std::runtime_error("socketpair failed");
    requests_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    channel_.tell(Request::kSetBackendReqFd, {}, std::array{theirs.get()});
  }
  if (has(vhost_user::kMq) && channel_.ask_for_number(Request::kGetQueueNum) < options_.queues)
    throw std::runtime_error("the back-end has too few queues");
  if (has(vhost_user::kStatus)) channel_.tell(Request::kSetStatus, uint64_t{0});
  set_status(virtio::kStatusAcknowledge | virtio::kStatusDriver);
  channel_.tell(Request::kSetFeatures, features_);
  set_status(virtio::kStatusFeaturesOk);
}

void VhostUserFront::make_queues() {
  const virtio::QueueSetup setup{.size = options_.queue_size,
                                 .packed = (features_ & virtio::kFeatureRingPacked) != 0,
                                 .event_idx = (features_ & virtio::kFeatureEventIdx) != 0,
                                 .indirect = (features_ & virtio::kFeatureIndirectDesc) != 0};
  for (uint16_t index = 0; index < options_.queues; ++index) {
    queues_.push_back(
        {.ring = DriverQueue::make(*memory_, setup), .kick = make_event(), .call = make_event()});
  }
}

void VhostUserFront::share_memory() {
  const vhost_user::MemoryRegion region{.guest = kMemoryAddress,
                                        .size = mapping_.bytes().size(),
                                        .user = reinterpret_cast<uint64_t>(mapping_.bytes().data()),
                                        .offset = 0};
  const std::array fds{memory_fd_.get()};
  if (has(vhost_user::kConfigureMemSlots)) {
    channel_.tell(Request::kAddMemReg, vhost_user::MemorySlot{.padding = 0, .region = region}, fds);
  } else {
    channel_.tell(Request::kSetMemTable,
                  vhost_user::MemoryTable{.count = 1, .padding = 0, .region = region}, fds);
  }
}

void VhostUserFront::share_inflight() {
  if (!has(vhost_user::kInflightShmfd)) return;
  if (!inflight_) {
    vhost_user::InflightArea area{
        .size = 0, .offset = 0, .queues = options_.queues, .queue_size = options_.queue_size};
    auto reply = channel_.ask(Request::kGetInflightFd, std::as_bytes(std::span(&area, 1)));
    if (reply.fds.size() != 1 || reply.payload.size() != sizeof area)
      throw std::runtime_error("no record of what is in flight came");
    std::memcpy(&area, reply.payload.data(), sizeof area);
    inflight_ = {.area = area, .fd = std::move(reply.fds.front())};
  }
  channel_.tell(Request::kSetInflightFd, inflight_->area, std::array{inflight_->fd.get()});
}

void VhostUserFront::start_queue(uint16_t index, uint32_t base) {
  using vhost_user::VringState;
  const Queue& queue = queues_[index];
  const virtio::QueueSetup& setup = queue.ring->setup();
  channel_.tell(Request::kSetVringNum, VringState{.index = index, .value = setup.size});
  channel_.tell(Request::kSetVringBase, VringState{.index = index, .value = base});
  channel_.tell(Request::kSetVringAddr,
                vhost_user::VringAddress{.index = index,
                                         .flags = 0,
                                         .desc = user_address(setup.desc),
                                         .used = user_address(setup.device),
                                         .avail = user_address(setup.driver),
                                         .log = 0});
  channel_.tell(Request::kSetVringCall, uint64_t{index}, std::array{queue.call.get()});
  channel_.tell(Request::kSetVringKick, uint64_t{index}, std::array{queue.kick.get()});
  if ((features_ & vhost_user::kFeatureProtocolFeatures) != 0)
    channel_.tell(Request::kSetVringEnable, VringState{.index = index, .value = 1});
}

uint32_t VhostUserFront::stop_queue(uint16_t index) {
  return channel_
      .ask_for(Request::kGetVringBase, vhost_user::VringState{.index = index, .value = 0})
      .value;
}

bool VhostUserFront::kick_if_needed(uint16_t index) {
  if (!queues_[index].ring->kick_needed()) return false;
  eventfd_write(queues_[index].kick.get(), 1);
  return true;
}

bool VhostUserFront::wait_for_call(uint16_t index, std::chrono::milliseconds timeout) {
  pollfd called{queues_[index].call.get(), POLLIN, 0};
  if (poll(&called, 1, static_cast<int>(timeout.count())) <= 0) return false;
  eventfd_t count = 0;
  eventfd_read(called.fd, &count);
  return true;
}

std::vector<std::byte> VhostUserFront::read_config(uint32_t offset, uint32_t size) {
  const vhost_user::ConfigHeader header{.offset = offset, .size = size, .flags = 0};
  std::vector<std::byte> payload(sizeof header + size);
  std::memcpy(payload.data(), &header, sizeof header);
  auto reply = channel_.ask(Request::kGetConfig, payload);
  if (reply.payload.size() != payload.size())
    throw std::runtime_error("the back-end does not show its configuration");
  reply.payload.erase(reply.payload.begin(), reply.payload.begin() + sizeof header);
  return reply.payload;
}

std::optional<uint8_t> VhostUserFront::status() {
  if (!has(vhost_user::kStatus)) return std::nullopt;
  return static_cast<uint8_t>(channel_.ask_for_number(Request::kGetStatus));
}

void VhostUserFront::set_status(uint8_t status) {
  if (!has(vhost_user::kStatus)) return;
  const auto now = channel_.ask_for_number(Request::kGetStatus);
  channel_.tell(Request::kSetStatus, now | status);
}

uint64_t VhostUserFront::user_address(uint64_t guest) const {
  return reinterpret_cast<uint64_t>(memory_->at(guest));
}

}  // namespace stratos::test
