// SPDX-License-Identifier: Apache-2.0

#include "hostile/hostile_device.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "virtio/msg_requests.h"

namespace stratos::guest {
namespace {

constexpr uint64_t kMemorySize = 1 << 20;
constexpr uint64_t kNeeded = virtio::kFeatureVersion1 | virtio::kFeatureAccessPlatform;
constexpr std::chrono::milliseconds kTurn{10};

}  // namespace

HostileDevice::HostileDevice(runtime::Loop& loop, const Trick& trick, RingKind rings)
    : loop_(loop), trick_(trick), rings_(rings), can_(bus_, {}, storage_), beat_(loop, [] {}) {}

void HostileDevice::attach(std::unique_ptr<links::Attachment> attachment) {
  attachment_ = std::move(attachment);
  const auto layout = virtio::read_layout(region());
  if (!layout) throw std::runtime_error(virtio::to_string(layout.error()));
  layout_ = *layout;
  extent_ = {layout_.pool.offset, kMemorySize};
  window_ = {.address = 0, .size = extent_.size, .base = region().data() + extent_.offset};
  slot_.resize(layout_.element_size);
  reply_.resize(layout_.element_size);
  const uint64_t packed = rings_ == RingKind::kPacked ? virtio::kFeatureRingPacked : 0;
  instance_.bind({.number = kNumber,
                  .device = &can_,
                  .host = this,
                  .memory = virtio::Memory(std::span(&window_, 1)),
                  .transport_features =
                      kNeeded | virtio::kFeatureOrderPlatform | virtio::kFeatureEventIdx | packed,
                  .required_features = kNeeded,
                  .inflight = {}});
  endpoint_.attach(region(), layout_, virtio::Role::kDevice);
  endpoint_.set_doorbell(attachment_->doorbell());
  machine_.attach(endpoint_, 250'000'000, 5'000'000'000);
  machine_.begin(loop_.now());
  loop_.add_hook(*this);
  attachment_->listen(loop_, [] {});
  beat_.start_periodic(kTurn);
  ring();
}

void HostileDevice::played() {
  if (std::exchange(played_, true)) return;
  fmt::print("played {}\n", trick_.name);
  std::fflush(stdout);
}

bool HostileDevice::driver_ok() const { return instance_.running(); }

const virtio::QueueSetup& HostileDevice::queue(uint16_t index) const {
  return instance_.queue_state(index).setup;
}

std::byte* HostileDevice::at(uint64_t address, uint64_t length) const {
  return virtio::Memory(std::span(&window_, 1)).at(address, length);
}

void HostileDevice::send(std::span<const std::byte> message) {
  if (endpoint_.send(message)) endpoint_.notify(virtio::MsgEndpoint::kMessageBit);
}

void HostileDevice::notify_queue(uint16_t index) {
  endpoint_.notify(endpoint_.bit_of(kNumber, index));
}

void HostileDevice::notify_used(uint16_t, uint16_t queue) { notify_queue(queue); }

void HostileDevice::notify_config(uint16_t number) {
  std::vector<std::byte> event(layout_.element_size);
  event.resize(virtio::write_config_event(instance_, number, virtio::WireLayout::kL2, event));
  send(event);
}

void HostileDevice::step_link() {
  for (;;) {
    const virtio::LinkChange change = machine_.step(loop_.now());
    if (change == virtio::LinkChange::kNothing) return;
    if (change != virtio::LinkChange::kReady && change != virtio::LinkChange::kRunning) {
      instance_.reset();
      age_ = 0;
    }
    ring();
  }
}

size_t HostileDevice::respond(const virtio::MessageHeader& request,
                              std::span<const std::byte> payload) {
  using namespace virtio;
  const MessageHeader header{.response = true,
                             .bus = request.bus,
                             .id = request.id,
                             .device = request.device,
                             .token = request.token};
  if (!request.bus) {
    const auto size =
        serve_request({instance_, WireLayout::kL2, 0, extent_}, request, payload, reply_);
    return size ? *size : 0;
  }
  if (request.id == VIRTIO_MSG_BUS_PING) {
    const auto ping = decode<Ping>(payload, WireLayout::kL2);
    return ping ? encode(reply_, header, *ping, WireLayout::kL2) : 0;
  }
  if (request.id != VIRTIO_MSG_BUS_GET_DEVICES) return 0;
  const std::array<std::byte, 8> only_the_first{std::byte{1 << kNumber}};
  return encode(reply_, header,
                DeviceWindow{.offset = 0, .next_offset = 0, .count = 64, .bitmap = only_the_first},
                WireLayout::kL2);
}

void HostileDevice::receive_messages() {
  while (endpoint_.receive(slot_) == virtio::ReceiveResult::kMessage) {
    const virtio::MessageHeader header = virtio::decode_header(slot_);
    const bool accepted = !trick_.accept || trick_.accept(*this, header);
    if (accepted && header.size >= virtio::kMessageHeaderSize && header.size <= slot_.size()) {
      const auto payload = std::span<const std::byte>(slot_).subspan(
          virtio::kMessageHeaderSize, header.size - virtio::kMessageHeaderSize);
      size_t size = respond(header, payload);
      if (size != 0 && trick_.answer) size = trick_.answer(*this, header, reply_, size);
      if (size != 0) send(std::span(reply_).first(size));
    }
    endpoint_.consume();
  }
}

void HostileDevice::serve_honestly() {
  instance_.service(loop_.now(), 64);
  bus_.pump();
  instance_.flush();
}

void HostileDevice::work() {
  bool messages = false;
  endpoint_.take_pending([&](uint32_t bit) {
    if (bit == virtio::MsgEndpoint::kMessageBit) messages = true;
    if (bit >= endpoint_.first_bit(kNumber) && bit < endpoint_.first_bit(kNumber + 1))
      instance_.kick(static_cast<uint16_t>(bit - endpoint_.first_bit(kNumber)));
  });
  if (messages) receive_messages();
  if (driver_ok()) {
    ++age_;
  } else {
    positions_.fill({});
  }
  if (trick_.serve && driver_ok()) {
    trick_.serve(*this);
  } else {
    serve_honestly();
  }
  if (trick_.turn) trick_.turn(*this);
}

bool HostileDevice::on_turn_end() {
  if (trick_.hangs_when_started && driver_ok()) {
    played();
    return false;
  }
  endpoint_.set_need_wakeup(false);
  step_link();
  if (endpoint_.status() == virtio::LinkStatus::kRun) work();
  if (endpoint_.commit() == virtio::Wake::kRing) ring();
  return false;
}

bool HostileDevice::on_sleep() {
  endpoint_.set_need_wakeup(true);
  return !endpoint_.has_pending();
}

}  // namespace stratos::guest
