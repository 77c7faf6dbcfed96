// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/messages.h"

#include <algorithm>
#include <bit>

#include "virtio/wire.h"

namespace stratos::links::vhost_user {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire has the machine's byte order");

constexpr uint32_t kVersion = 1;
constexpr uint32_t kVersionMask = 3;
constexpr uint32_t kReplyFlag = 4;
constexpr uint32_t kNeedReplyFlag = 8;

constexpr uint16_t kWord = 8;
constexpr uint16_t kState = 8;
constexpr uint16_t kAddress = 40;
constexpr uint16_t kRegion = 32;
constexpr uint16_t kTableHead = 8;
constexpr uint16_t kConfigHead = ConfigRange::kHeadSize;
constexpr uint16_t kMaxConfig = 256;
// Some front-ends pad the structure to the alignment of its first field.
constexpr uint16_t kInflight = InflightArea::kSize;
constexpr uint16_t kInflightPadded = 24;

using enum Request;
using P = ProtocolFeature;
constexpr std::nullopt_t kAlways = std::nullopt;

constexpr MessageShape kShapes[] = {
    {kGetFeatures, "GET_FEATURES", 0, 0, 0, kAlways, true},
    {kSetFeatures, "SET_FEATURES", kWord, kWord, 0, kAlways, false},
    {kSetOwner, "SET_OWNER", 0, 0, 0, kAlways, false},
    {kResetOwner, "RESET_OWNER", 0, 0, 0, kAlways, false},
    {kSetMemTable, "SET_MEM_TABLE", kTableHead, kTableHead + kMaxTableRegions* kRegion, kMaxFds,
     kAlways, false},
    {kSetVringNum, "SET_VRING_NUM", kState, kState, 0, kAlways, false},
    {kSetVringAddr, "SET_VRING_ADDR", kAddress, kAddress, 0, kAlways, false},
    {kSetVringBase, "SET_VRING_BASE", kState, kState, 0, kAlways, false},
    {kGetVringBase, "GET_VRING_BASE", kState, kState, 0, kAlways, true},
    {kSetVringKick, "SET_VRING_KICK", kWord, kWord, 1, kAlways, false},
    {kSetVringCall, "SET_VRING_CALL", kWord, kWord, 1, kAlways, false},
    {kSetVringErr, "SET_VRING_ERR", kWord, kWord, 1, kAlways, false},
    {kGetProtocolFeatures, "GET_PROTOCOL_FEATURES", 0, 0, 0, kAlways, true},
    {kSetProtocolFeatures, "SET_PROTOCOL_FEATURES", kWord, kWord, 0, kAlways, false},
    {kGetQueueNum, "GET_QUEUE_NUM", 0, 0, 0, P::kMq, true},
    {kSetVringEnable, "SET_VRING_ENABLE", kState, kState, 0, kAlways, false},
    {kSetBackendReqFd, "SET_BACKEND_REQ_FD", 0, 0, 1, P::kBackendReq, false},
    {kGetConfig, "GET_CONFIG", kConfigHead, kConfigHead + kMaxConfig, 0, P::kConfig, true},
    {kSetConfig, "SET_CONFIG", kConfigHead, kConfigHead + kMaxConfig, 0, P::kConfig, false},
    {kGetInflightFd, "GET_INFLIGHT_FD", kInflight, kInflightPadded, 0, P::kInflightShmfd, true},
    {kSetInflightFd, "SET_INFLIGHT_FD", kInflight, kInflightPadded, 1, P::kInflightShmfd, false},
    {kResetDevice, "RESET_DEVICE", 0, 0, 0, P::kResetDevice, false},
    {kVringKick, "VRING_KICK", kState, kState, 0, P::kInbandNotifications, false},
    {kGetMaxMemSlots, "GET_MAX_MEM_SLOTS", 0, 0, 0, P::kConfigureMemSlots, true},
    {kAddMemReg, "ADD_MEM_REG", kWord + kRegion, kWord + kRegion, 1, P::kConfigureMemSlots, false},
    {kRemMemReg, "REM_MEM_REG", kWord + kRegion, kWord + kRegion, 1, P::kConfigureMemSlots, false},
    {kSetStatus, "SET_STATUS", kWord, kWord, 0, P::kStatus, false},
    {kGetStatus, "GET_STATUS", 0, 0, 0, P::kStatus, true},
    {kSetDeviceStateFd, "SET_DEVICE_STATE_FD", kState, kState, 1, P::kDeviceState, true},
    {kCheckDeviceState, "CHECK_DEVICE_STATE", 0, 0, 0, P::kDeviceState, true},
};

template <typename Io>
void region_fields(Io& io, MemoryRegion& region) {
  io.word(region.guest);
  io.word(region.size);
  io.word(region.user);
  io.word(region.offset);
}

template <typename Io>
void inflight_fields(Io& io, InflightArea& area) {
  io.word(area.size);
  io.word(area.offset);
  io.word(area.queues);
  io.word(area.queue_size);
}

}  // namespace

const MessageShape* shape_of(uint32_t id) {
  const auto found = std::ranges::find_if(kShapes, [id](const MessageShape& shape) {
    return static_cast<uint32_t>(shape.request) == id;
  });
  return found == std::end(kShapes) ? nullptr : &*found;
}

std::optional<Header> decode_header(std::span<const std::byte, kHeaderSize> from) {
  Header header;
  uint32_t flags = 0;
  virtio::WireReader reader(from);
  reader.word(header.request);
  reader.word(flags);
  reader.word(header.size);
  if ((flags & kVersionMask) != kVersion || header.size > kMaxPayload) return std::nullopt;
  header.reply = (flags & kReplyFlag) != 0;
  header.need_reply = (flags & kNeedReplyFlag) != 0;
  return header;
}

void encode_header(std::span<std::byte, kHeaderSize> into, const Header& header) {
  virtio::WireWriter writer(into);
  writer.word(header.request);
  writer.word(kVersion | (header.reply ? kReplyFlag : 0) |
              (header.need_reply ? kNeedReplyFlag : 0));
  writer.word(header.size);
}

uint64_t decode_word(Payload payload) {
  uint64_t value = 0;
  virtio::WireReader(payload).word(value);
  return value;
}

VringState decode_vring_state(Payload payload) {
  VringState state;
  virtio::WireReader reader(payload);
  reader.word(state.index);
  reader.word(state.value);
  return state;
}

VringAddress decode_vring_address(Payload payload) {
  VringAddress address;
  virtio::WireReader reader(payload);
  reader.word(address.index);
  reader.word(address.flags);
  reader.word(address.desc);
  reader.word(address.used);
  reader.word(address.avail);
  reader.word(address.log);
  return address;
}

VringFd decode_vring_fd(Payload payload) {
  const uint64_t word = decode_word(payload);
  return {.index = static_cast<uint32_t>(word & VringFd::kIndexMask),
          .no_fd = (word & VringFd::kNoFd) != 0};
}

std::optional<MemoryRegions> decode_memory_regions(Payload payload) {
  MemoryRegions table;
  virtio::WireReader reader(payload);
  reader.word(table.count);
  reader.zeros(sizeof(uint32_t));
  if (table.count > table.regions.size()) return std::nullopt;
  for (uint32_t i = 0; i < table.count; ++i) region_fields(reader, table.regions[i]);
  // QEMU always sends the whole array.
  const bool exact = reader.position() == payload.size();
  const bool whole = payload.size() == kTableHead + kMaxTableRegions * kRegion;
  return reader.ok() && (exact || whole) ? std::optional(table) : std::nullopt;
}

MemoryRegion decode_memory_region(Payload payload) {
  MemoryRegion region;
  virtio::WireReader reader(payload);
  reader.zeros(kWord);
  region_fields(reader, region);
  return region;
}

std::optional<ConfigRange> decode_config_range(Payload payload) {
  ConfigRange range;
  virtio::WireReader reader(payload);
  reader.word(range.offset);
  reader.word(range.size);
  reader.word(range.flags);
  range.bytes = payload.subspan(ConfigRange::kHeadSize);
  return range.bytes.size() == range.size ? std::optional(range) : std::nullopt;
}

InflightArea decode_inflight_area(Payload payload) {
  InflightArea area;
  virtio::WireReader reader(payload);
  inflight_fields(reader, area);
  return area;
}

StateTransfer decode_state_transfer(Payload payload) {
  const VringState words = decode_vring_state(payload);
  return {.direction = words.index, .phase = words.value};
}

size_t encode_word(std::span<std::byte> into, uint64_t value) {
  virtio::WireWriter writer(into);
  writer.word(value);
  return writer.position();
}

size_t encode_vring_state(std::span<std::byte> into, const VringState& state) {
  virtio::WireWriter writer(into);
  writer.word(state.index);
  writer.word(state.value);
  return writer.position();
}

size_t encode_config_range(std::span<std::byte> into, const ConfigRange& range) {
  virtio::WireWriter writer(into);
  writer.word(range.offset);
  writer.word(range.size);
  writer.word(range.flags);
  writer.bytes(range.bytes);
  return writer.position();
}

size_t encode_inflight_area(std::span<std::byte> into, const InflightArea& area) {
  InflightArea copy = area;
  virtio::WireWriter writer(into);
  inflight_fields(writer, copy);
  writer.zeros(kInflightPadded - kInflight);
  return writer.position();
}

}  // namespace stratos::links::vhost_user
