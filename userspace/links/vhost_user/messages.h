// SPDX-License-Identifier: Apache-2.0
// The vhost-user protocol as bytes: which messages there are, what each may carry, and
// its payload. Nothing here knows a socket or a device.
//
// The wire has the byte order of the machine; this build runs on little-endian ones.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace stratos::links::vhost_user {

inline constexpr size_t kHeaderSize = 12;
inline constexpr size_t kMaxPayload = 512;
inline constexpr size_t kMaxFds = 8;

// Requests of the front-end.
enum class Request : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kSetBackendReqFd = 21,
  kGetConfig = 24,
  kSetConfig = 25,
  kGetInflightFd = 31,
  kSetInflightFd = 32,
  kResetDevice = 34,
  kVringKick = 35,
  kGetMaxMemSlots = 36,
  kAddMemReg = 37,
  kRemMemReg = 38,
  kSetStatus = 39,
  kGetStatus = 40,
  kSetDeviceStateFd = 42,
  kCheckDeviceState = 43,
};

// Requests of the back-end.
enum class BackendRequest : uint32_t { kConfigChange = 2, kVringCall = 4, kVringErr = 5 };

// Bits of GET_PROTOCOL_FEATURES.
enum class ProtocolFeature : uint8_t {
  kMq = 0,
  kReplyAck = 3,
  kBackendReq = 5,
  kConfig = 9,
  kInflightShmfd = 12,
  kResetDevice = 13,
  kInbandNotifications = 14,
  kConfigureMemSlots = 15,
  kStatus = 16,
  kDeviceState = 19,
};
constexpr uint64_t bit_of(ProtocolFeature feature) {
  return uint64_t{1} << static_cast<unsigned>(feature);
}
inline constexpr uint64_t kProtocolFeatures =
    bit_of(ProtocolFeature::kMq) | bit_of(ProtocolFeature::kReplyAck) |
    bit_of(ProtocolFeature::kBackendReq) | bit_of(ProtocolFeature::kConfig) |
    bit_of(ProtocolFeature::kInflightShmfd) | bit_of(ProtocolFeature::kResetDevice) |
    bit_of(ProtocolFeature::kInbandNotifications) | bit_of(ProtocolFeature::kConfigureMemSlots) |
    bit_of(ProtocolFeature::kStatus) | bit_of(ProtocolFeature::kDeviceState);

// VHOST_USER_F_PROTOCOL_FEATURES: a virtio feature bit between front-end and back-end,
// which no driver sees.
inline constexpr uint64_t kFeatureProtocol = uint64_t{1} << 30;

struct Header {
  uint32_t request = 0;
  bool reply = false;
  bool need_reply = false;
  uint32_t size = 0;  // of the payload
};

// How a message has to look.
struct MessageShape {
  Request request;
  const char* name;
  uint16_t min_size;
  uint16_t max_size;
  uint8_t max_fds;
  // The message needs this protocol feature to have been negotiated.
  std::optional<ProtocolFeature> feature;
  // It has a reply of its own; the others are acknowledged where REPLY_ACK says so.
  bool answered;
};

// The shape of request `id`, or nullptr if this back-end does not know it.
const MessageShape* shape_of(uint32_t id);

// nullopt if this is no header of the protocol, or announces more than kMaxPayload.
std::optional<Header> decode_header(std::span<const std::byte, kHeaderSize> from);
void encode_header(std::span<std::byte, kHeaderSize> into, const Header& header);

// ---- Payloads. decode() takes a payload whose size fits its message's shape. ----

struct VringState {
  uint32_t index = 0;
  uint32_t value = 0;
};
struct VringAddress {
  uint32_t index = 0;
  uint32_t flags = 0;
  uint64_t desc = 0;  // addresses of the front-end
  uint64_t used = 0;
  uint64_t avail = 0;
  uint64_t log = 0;
};
// The payload of SET_VRING_KICK, CALL and ERR.
struct VringFd {
  static constexpr uint64_t kIndexMask = 0xff;
  static constexpr uint64_t kNoFd = 0x100;
  uint32_t index = 0;
  bool no_fd = false;
};
struct MemoryRegion {
  uint64_t guest = 0;  // guest physical address
  uint64_t size = 0;
  uint64_t user = 0;    // address in the front-end
  uint64_t offset = 0;  // in the file
};
inline constexpr size_t kMaxTableRegions = kMaxFds;
struct MemoryRegions {
  uint32_t count = 0;
  std::array<MemoryRegion, kMaxTableRegions> regions{};
};
struct ConfigRange {
  static constexpr size_t kHeadSize = 12;
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
  std::span<const std::byte> bytes;  // of the payload
};
struct InflightArea {
  static constexpr size_t kSize = 20;
  uint64_t size = 0;
  uint64_t offset = 0;
  uint16_t queues = 0;
  uint16_t queue_size = 0;
};
struct StateTransfer {
  uint32_t direction = 0;  // 0: save, 1: load
  uint32_t phase = 0;      // 0: stopped
};

using Payload = std::span<const std::byte>;
uint64_t decode_word(Payload payload);
VringState decode_vring_state(Payload payload);
VringAddress decode_vring_address(Payload payload);
VringFd decode_vring_fd(Payload payload);
// nullopt if the number of regions does not fit the size.
std::optional<MemoryRegions> decode_memory_regions(Payload payload);
MemoryRegion decode_memory_region(Payload payload);
// nullopt if there are not as many bytes as it says.
std::optional<ConfigRange> decode_config_range(Payload payload);
InflightArea decode_inflight_area(Payload payload);
StateTransfer decode_state_transfer(Payload payload);

// The payload of a reply, at most `kMaxPayload` bytes; each returns what it wrote.
size_t encode_word(std::span<std::byte> into, uint64_t value);
size_t encode_vring_state(std::span<std::byte> into, const VringState& state);
size_t encode_config_range(std::span<std::byte> into, const ConfigRange& range);
size_t encode_inflight_area(std::span<std::byte> into, const InflightArea& area);

}  // namespace stratos::links::vhost_user
