// SPDX-License-Identifier: Apache-2.0
#include "devices/can/wire.h"

#include <linux/virtio_can.h>

#include <algorithm>

#include "virtio/endian.h"

namespace stratos::can {
namespace {

using virtio::load_le;
using virtio::store_le;

constexpr size_t kTypeAt = offsetof(virtio_can_tx_out, msg_type);
constexpr size_t kLengthAt = offsetof(virtio_can_tx_out, length);
constexpr size_t kFlagsAt = offsetof(virtio_can_tx_out, flags);
constexpr size_t kIdAt = offsetof(virtio_can_tx_out, can_id);
static_assert(sizeof(virtio_can_tx_out) == kHeaderSize);
static_assert(sizeof(virtio_can_rx) == kHeaderSize);
static_assert(offsetof(virtio_can_rx, flags) == kFlagsAt);
static_assert(offsetof(virtio_can_rx, can_id) == kIdAt);

constexpr uint32_t kKnownFlags =
    VIRTIO_CAN_FLAGS_RTR | VIRTIO_CAN_FLAGS_FD | VIRTIO_CAN_FLAGS_EXTENDED;
constexpr uint32_t kStandardIds = 1U << 11;
constexpr uint32_t kExtendedIds = 1U << 29;

}  // namespace

const char* to_string(Reject reject) {
  switch (reject) {
    case Reject::kNone:
      return "none";
    case Reject::kShort:
      return "short header";
    case Reject::kMessageType:
      return "unknown message type";
    case Reject::kFlags:
      return "undefined flag";
    case Reject::kNotNegotiated:
      return "frame type not negotiated";
    case Reject::kRemoteFd:
      return "remote CAN FD frame";
    case Reject::kId:
      return "identifier out of range";
    case Reject::kLength:
      return "length out of range";
    case Reject::kPayload:
      return "payload shorter than its length";
    case Reject::kStopped:
      return "controller stopped";
    case Reject::kBus:
      return "refused by the bus";
    case Reject::kCount:
      break;
  }
  return "unknown";
}

bool is_fd_length(uint32_t length) {
  if (length <= VIRTIO_CAN_CLASSIC_MAX_DLEN) return true;
  if (length <= 24) return length % 4 == 0;
  return length == 32 || length == 48 || length == 64;
}

bool carries(const FrameTypes& types, const Frame& frame) {
  if (frame.fd) return types.fd;
  return types.classic && (types.remote || !frame.remote);
}

Reject parse_tx(std::span<const std::byte> message, const FrameTypes& types, Frame& frame) {
  if (message.size() < kHeaderSize) return Reject::kShort;
  if (load_le<uint16_t>(&message[kTypeAt]) != VIRTIO_CAN_TX) return Reject::kMessageType;

  const uint32_t flags = load_le<uint32_t>(&message[kFlagsAt]);
  if ((flags & ~kKnownFlags) != 0) return Reject::kFlags;
  frame.extended = (flags & VIRTIO_CAN_FLAGS_EXTENDED) != 0;
  frame.remote = (flags & VIRTIO_CAN_FLAGS_RTR) != 0;
  frame.fd = (flags & VIRTIO_CAN_FLAGS_FD) != 0;
  if (frame.fd && frame.remote) return Reject::kRemoteFd;
  if (!carries(types, frame)) return Reject::kNotNegotiated;

  frame.id = load_le<uint32_t>(&message[kIdAt]);
  if (frame.id >= (frame.extended ? kExtendedIds : kStandardIds)) return Reject::kId;

  const uint16_t length = load_le<uint16_t>(&message[kLengthAt]);
  if (frame.fd ? !is_fd_length(length) : length > VIRTIO_CAN_CLASSIC_MAX_DLEN) {
    return Reject::kLength;
  }
  frame.length = static_cast<uint8_t>(length);

  frame.payload.fill(std::byte{0});
  if (frame.remote) return Reject::kNone;
  const auto payload = message.subspan(kHeaderSize);
  if (payload.size() < length) return Reject::kPayload;
  std::copy_n(payload.begin(), length, frame.payload.begin());
  return Reject::kNone;
}

size_t format_rx(const Frame& frame, std::span<std::byte, kMaxMessage> message) {
  uint32_t flags = 0;
  if (frame.extended) flags |= VIRTIO_CAN_FLAGS_EXTENDED;
  if (frame.remote) flags |= VIRTIO_CAN_FLAGS_RTR;
  if (frame.fd) flags |= VIRTIO_CAN_FLAGS_FD;

  std::fill_n(message.begin(), kHeaderSize, std::byte{0});
  store_le<uint16_t>(&message[kTypeAt], VIRTIO_CAN_RX);
  store_le<uint16_t>(&message[kLengthAt], frame.length);
  store_le<uint32_t>(&message[kFlagsAt], flags);
  store_le<uint32_t>(&message[kIdAt], frame.id);

  const auto payload = message.subspan<kHeaderSize>();
  if (frame.remote) {
    std::fill_n(payload.begin(), frame.length, std::byte{0});
  } else {
    std::copy_n(frame.payload.begin(), frame.length, payload.begin());
  }
  return kHeaderSize + frame.length;
}

}  // namespace stratos::can
