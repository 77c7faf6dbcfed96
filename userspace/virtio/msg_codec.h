// SPDX-License-Identifier: Apache-2.0
// The messages of virtio-msg revision 1, in both layouts: from bytes to structures in
// native byte order and back. The numbers are in uapi/linux/virtio_msg.h, whose names
// the structures here follow.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <linux/virtio_msg.h>

namespace stratos::virtio {

// L1 is the layout of 2025, L2 that of 2026.
enum class WireLayout : uint8_t { kL1 = 1, kL2 = 2 };

inline constexpr size_t kMessageHeaderSize = sizeof(virtio_msg_hdr);

struct MessageHeader {
  bool response = false;
  bool bus = false;
  uint8_t id = 0;
  uint16_t device = 0;
  uint16_t token = 0;
  uint16_t size = 0;  // of header and payload
  friend bool operator==(const MessageHeader&, const MessageHeader&) = default;
};

// ---- Payloads; spans point into the message ----

struct NoPayload {};
struct DeviceInfo {
  uint32_t device_id = 0;
  uint32_t vendor_id = 0;
  std::array<std::byte, 16> uuid{};  // L2 only
  uint32_t feature_blocks = 0;       // of 32 bits
  uint32_t config_size = 0;
  uint32_t max_queues = 0;
  uint32_t admin_queue_start = 0;
  uint32_t admin_queue_count = 0;
};
struct FeatureRange {
  uint32_t first = 0;
  uint32_t count = 0;
};
struct Features {
  FeatureRange range;
  std::span<const std::byte> words;  // le32 each, range.count of them
};
struct GetConfig {
  uint32_t offset = 0;
  uint32_t length = 0;
};
struct ConfigData {
  uint32_t generation = 0;
  uint32_t offset = 0;
  std::span<const std::byte> data;
};
struct Status {
  uint32_t status = 0;
};
struct QueueIndex {
  uint32_t index = 0;
};
struct QueueInfo {
  uint32_t index = 0;
  uint32_t max_size = 0;
  uint32_t size = 0;
  bool enabled = false;  // L1 does not say
  uint64_t desc = 0;
  uint64_t driver = 0;
  uint64_t device = 0;
};
struct SetQueue {
  uint32_t index = 0;
  bool enable = true;  // L1 always enables
  uint32_t size = 0;
  uint64_t desc = 0;
  uint64_t driver = 0;
  uint64_t device = 0;
};
struct GetShm {
  uint32_t id = 0;
};
struct ShmInfo {
  uint32_t id = 0;
  uint64_t length = 0;   // L1 has 32 bits only
  uint64_t address = 0;  // the same
};
struct ConfigEvent {
  uint32_t status = 0;
  uint32_t generation = 0;
  uint32_t offset = 0;
  std::span<const std::byte> data;
};
struct AvailEvent {
  uint32_t queue = 0;
  uint32_t next_offset_wrap = 0;
};
struct UsedEvent {
  uint32_t queue = 0;
};
struct GetDevices {
  uint16_t offset = 0;
  uint16_t count = 0;
};
struct DeviceWindow {
  uint16_t offset = 0;
  uint16_t next_offset = 0;
  uint16_t count = 0;
  std::span<const std::byte> bitmap;  // count bits, LSB first
};
struct Ping {
  uint32_t data = 0;
};
struct DeviceEvent {
  uint16_t device = 0;
  uint16_t state = 0;  // VIRTIO_MSG_DEVICE_*
};

// ---- The table of messages ----

enum class Sender : uint8_t { kDriver, kDevice };

struct MessageKind {
  bool bus = false;
  uint8_t id = 0;
  Sender sender = Sender::kDriver;  // of the request or event
  uint16_t request_size = 0;        // least payload of a request or event
  uint16_t response_size[2] = {};   // least payload of its response, L1 and L2
  const char* name = nullptr;
  constexpr bool event() const { return (id & VIRTIO_MSG_ID_EVENT) != 0; }
};

// All known messages.
std::span<const MessageKind> message_kinds();
// nullptr if the id is unknown.
const MessageKind* find_message(bool bus, uint8_t id);

// Why a received message is dropped.
enum class MessageError : uint8_t {
  kIndex,      // the peer's tail is no index of the queue
  kSize,       // msg_size is smaller than the header or larger than the slot
  kId,         // unknown id
  kDirection,  // nothing that this sender may send here
  kPayload,    // shorter than the id demands, or its own lengths do not fit
  kDevice,     // there is no such device
};

const char* to_string(MessageError error);

// `from` has at least kMessageHeaderSize bytes.
MessageHeader decode_header(std::span<const std::byte> from);
void encode_header(std::span<std::byte> into, const MessageHeader& header);

// Reads a payload of `type Payload`; nothing if it is too short. What follows the
// payload is ignored.
template <typename Payload>
std::optional<Payload> decode(std::span<const std::byte> payload, WireLayout layout);

// Writes header and payload to `into` and fills in the size; returns it, or 0 if there
// is not enough room or the spans do not have the length that they should have.
template <typename Payload>
size_t encode(std::span<std::byte> into, MessageHeader header, const Payload& payload,
              WireLayout layout);

}  // namespace stratos::virtio
