// SPDX-License-Identifier: Apache-2.0

#include "virtio/msg_codec.h"

#include "virtio/wire.h"

namespace stratos::virtio {
namespace {

constexpr uint16_t kConfigHead = sizeof(virtio_msg_config);
constexpr uint16_t kInfoL1 = sizeof(virtio_msg_device_info_l1);
constexpr uint16_t kInfoL2 = sizeof(virtio_msg_device_info);
constexpr uint16_t kShmL1 = sizeof(virtio_msg_get_shm_resp_l1);
constexpr uint16_t kShmL2 = sizeof(virtio_msg_get_shm_resp);
constexpr uint16_t kQueueInfo = sizeof(virtio_msg_get_vqueue_resp);
constexpr uint16_t kFeatureHead = sizeof(virtio_msg_features);
constexpr uint16_t kStatus = sizeof(virtio_msg_status);
// sizeof would round up.
constexpr uint16_t kWindowHead = 3 * sizeof(uint16_t);

constexpr auto kDriver = Sender::kDriver;
constexpr auto kDevice = Sender::kDevice;

constexpr MessageKind kKinds[] = {
    {false, VIRTIO_MSG_GET_DEVICE_INFO, kDriver, 0, {kInfoL1, kInfoL2}, "GET_DEVICE_INFO"},
    {false,
     VIRTIO_MSG_GET_DEVICE_FEATURES,
     kDriver,
     kFeatureHead,
     {kFeatureHead, kFeatureHead},
     "GET_DEVICE_FEATURES"},
    {false, VIRTIO_MSG_SET_DRIVER_FEATURES, kDriver, kFeatureHead, {0, 0}, "SET_DRIVER_FEATURES"},
    {false,
     VIRTIO_MSG_GET_CONFIG,
     kDriver,
     sizeof(virtio_msg_get_config),
     {kConfigHead, kConfigHead},
     "GET_CONFIG"},
    {false, VIRTIO_MSG_SET_CONFIG, kDriver, kConfigHead, {kConfigHead, kConfigHead}, "SET_CONFIG"},
    {false, VIRTIO_MSG_GET_DEVICE_STATUS, kDriver, 0, {kStatus, kStatus}, "GET_DEVICE_STATUS"},
    {false,
     VIRTIO_MSG_SET_DEVICE_STATUS,
     kDriver,
     kStatus,
     {kStatus, kStatus},
     "SET_DEVICE_STATUS"},
    {false,
     VIRTIO_MSG_GET_VQUEUE,
     kDriver,
     sizeof(virtio_msg_vqueue_index),
     {kQueueInfo, kQueueInfo},
     "GET_VQUEUE"},
    {false, VIRTIO_MSG_SET_VQUEUE, kDriver, sizeof(virtio_msg_set_vqueue), {0, 0}, "SET_VQUEUE"},
    {false,
     VIRTIO_MSG_RESET_VQUEUE,
     kDriver,
     sizeof(virtio_msg_vqueue_index),
     {0, 0},
     "RESET_VQUEUE"},
    {false, VIRTIO_MSG_GET_SHM, kDriver, sizeof(virtio_msg_get_shm), {kShmL1, kShmL2}, "GET_SHM"},
    {false, VIRTIO_MSG_EVENT_CONFIG, kDevice, sizeof(virtio_msg_event_config), {}, "EVENT_CONFIG"},
    {false, VIRTIO_MSG_EVENT_AVAIL, kDriver, sizeof(virtio_msg_event_avail), {}, "EVENT_AVAIL"},
    {false, VIRTIO_MSG_EVENT_USED, kDevice, sizeof(virtio_msg_event_used), {}, "EVENT_USED"},
    {true,
     VIRTIO_MSG_BUS_GET_DEVICES,
     kDriver,
     sizeof(virtio_msg_get_devices),
     {kWindowHead, kWindowHead},
     "GET_DEVICES"},
    {true,
     VIRTIO_MSG_BUS_PING,
     kDriver,
     sizeof(virtio_msg_ping),
     {sizeof(virtio_msg_ping), sizeof(virtio_msg_ping)},
     "PING"},
    {true,
     VIRTIO_MSG_BUS_EVENT_DEVICE,
     kDevice,
     sizeof(virtio_msg_event_device),
     {},
     "EVENT_DEVICE"},
};

// ---- One description per payload; Io is a WireReader or a WireWriter ----

// A flag on the wire is bit 0 of a word.
template <typename Io>
void flag(Io& io, bool& value, uint32_t mask) {
  uint32_t word = value ? mask : 0;
  io.word(word);
  value = (word & mask) != 0;
}

// A 64-bit quantity that is narrower on the wire; saturates, so that it stays refusable.
template <typename Narrow, typename Io, typename Wide>
void narrow(Io& io, Wide& value) {
  constexpr Narrow kMost = static_cast<Narrow>(~Narrow{0});
  Narrow word = value > kMost ? kMost : static_cast<Narrow>(value);
  io.word(word);
  value = word;
}

template <typename Io>
void fields(Io&, NoPayload&, WireLayout) {}

template <typename Io>
void fields(Io& io, DeviceInfo& m, WireLayout layout) {
  io.word(m.device_id);
  io.word(m.vendor_id);
  if (layout == WireLayout::kL1) {
    uint32_t bits = m.feature_blocks * 32;
    io.word(bits);
    m.feature_blocks = bits / 32;
    io.word(m.config_size);
    io.word(m.max_queues);
    narrow<uint16_t>(io, m.admin_queue_start);
    narrow<uint16_t>(io, m.admin_queue_count);
    return;
  }
  io.bytes(m.uuid);
  io.word(m.feature_blocks);
  io.word(m.config_size);
  io.word(m.max_queues);
  io.word(m.admin_queue_start);
  io.word(m.admin_queue_count);
}

template <typename Io>
void fields(Io& io, FeatureRange& m, WireLayout) {
  io.word(m.first);
  io.word(m.count);
}

template <typename Io>
void fields(Io& io, Features& m, WireLayout layout) {
  fields(io, m.range, layout);
  io.tail(m.words, uint64_t{m.range.count} * sizeof(uint32_t));
}

template <typename Io>
void fields(Io& io, GetConfig& m, WireLayout) {
  io.word(m.offset);
  io.word(m.length);
}

// A length, then that many bytes. The length is that of the span when writing; when
// reading the span gets it.
template <typename Io>
void counted(Io& io, std::span<const std::byte>& data) {
  auto length = static_cast<uint32_t>(data.size());
  io.word(length);
  io.tail(data, length);
}

template <typename Io>
void fields(Io& io, ConfigData& m, WireLayout) {
  io.word(m.generation);
  io.word(m.offset);
  counted(io, m.data);
}

template <typename Io>
void fields(Io& io, Status& m, WireLayout) {
  io.word(m.status);
}

template <typename Io>
void fields(Io& io, QueueIndex& m, WireLayout) {
  io.word(m.index);
}

template <typename Io>
void fields(Io& io, QueueInfo& m, WireLayout layout) {
  io.word(m.index);
  io.word(m.max_size);
  io.word(m.size);
  flag(io, m.enabled, layout == WireLayout::kL1 ? 0 : VIRTIO_MSG_VQUEUE_ENABLED);
  io.word(m.desc);
  io.word(m.driver);
  io.word(m.device);
}

template <typename Io>
void fields(Io& io, SetQueue& m, WireLayout layout) {
  io.word(m.index);
  flag(io, m.enable, layout == WireLayout::kL1 ? 0 : VIRTIO_MSG_VQUEUE_ENABLED);
  if (layout == WireLayout::kL1) m.enable = true;
  io.word(m.size);
  io.zeros(sizeof(uint32_t));
  io.word(m.desc);
  io.word(m.driver);
  io.word(m.device);
}

template <typename Io>
void fields(Io& io, GetShm& m, WireLayout) {
  io.word(m.id);
}

template <typename Io>
void fields(Io& io, ShmInfo& m, WireLayout layout) {
  io.word(m.id);
  if (layout == WireLayout::kL1) {
    narrow<uint32_t>(io, m.length);
    narrow<uint32_t>(io, m.address);
    return;
  }
  io.zeros(sizeof(uint32_t));
  io.word(m.length);
  io.word(m.address);
}

template <typename Io>
void fields(Io& io, ConfigEvent& m, WireLayout) {
  io.word(m.status);
  io.word(m.generation);
  io.word(m.offset);
  counted(io, m.data);
}

template <typename Io>
void fields(Io& io, AvailEvent& m, WireLayout) {
  io.word(m.queue);
  io.word(m.next_offset_wrap);
}

template <typename Io>
void fields(Io& io, UsedEvent& m, WireLayout) {
  io.word(m.queue);
}

template <typename Io>
void fields(Io& io, GetDevices& m, WireLayout) {
  io.word(m.offset);
  io.word(m.count);
}

template <typename Io>
void fields(Io& io, DeviceWindow& m, WireLayout layout) {
  io.word(m.offset);
  if (layout == WireLayout::kL1) {
    io.word(m.count);
    io.word(m.next_offset);
  } else {
    io.word(m.next_offset);
    io.word(m.count);
  }
  io.tail(m.bitmap, (uint64_t{m.count} + 7) / 8);
}

template <typename Io>
void fields(Io& io, Ping& m, WireLayout) {
  io.word(m.data);
}

template <typename Io>
void fields(Io& io, DeviceEvent& m, WireLayout) {
  io.word(m.device);
  io.word(m.state);
}

template <typename Io>
void fields(Io& io, virtio_msg_hdr& m) {
  io.word(m.type);
  io.word(m.msg_id);
  io.word(m.dev_num);
  io.word(m.token);
  io.word(m.msg_size);
}

}  // namespace

std::span<const MessageKind> message_kinds() { return kKinds; }

const MessageKind* find_message(bool bus, uint8_t id) {
  for (const MessageKind& kind : kKinds) {
    if (kind.bus == bus && kind.id == id) return &kind;
  }
  return nullptr;
}

const char* to_string(MessageError error) {
  switch (error) {
    case MessageError::kIndex:
      return "index out of range";
    case MessageError::kSize:
      return "bad message size";
    case MessageError::kId:
      return "unknown message id";
    case MessageError::kDirection:
      return "wrong direction";
    case MessageError::kPayload:
      return "payload too short";
    case MessageError::kDevice:
      return "no such device";
  }
  return "unknown";
}

MessageHeader decode_header(std::span<const std::byte> from) {
  WireReader reader(from);
  virtio_msg_hdr raw{};
  fields(reader, raw);
  return {.response = (raw.type & VIRTIO_MSG_TYPE_RESPONSE) != 0,
          .bus = (raw.type & VIRTIO_MSG_TYPE_BUS) != 0,
          .id = raw.msg_id,
          .device = raw.dev_num,
          .token = raw.token,
          .size = raw.msg_size};
}

void encode_header(std::span<std::byte> into, const MessageHeader& header) {
  const unsigned type =
      (header.response ? VIRTIO_MSG_TYPE_RESPONSE : 0u) | (header.bus ? VIRTIO_MSG_TYPE_BUS : 0u);
  virtio_msg_hdr raw{static_cast<uint8_t>(type), header.id, header.device, header.token,
                     header.size};
  WireWriter writer(into);
  fields(writer, raw);
}

template <typename Payload>
std::optional<Payload> decode(std::span<const std::byte> payload, WireLayout layout) {
  WireReader reader(payload);
  Payload value{};
  fields(reader, value, layout);
  if (!reader.ok()) return std::nullopt;
  return value;
}

template <typename Payload>
size_t encode(std::span<std::byte> into, MessageHeader header, const Payload& payload,
              WireLayout layout) {
  if (into.size() < kMessageHeaderSize) return 0;
  WireWriter writer(into.subspan(kMessageHeaderSize));
  Payload copy = payload;  // the description of a payload is the same for both directions
  fields(writer, copy, layout);
  const size_t size = kMessageHeaderSize + writer.position();
  if (!writer.ok() || size > UINT16_MAX) return 0;
  header.size = static_cast<uint16_t>(size);
  encode_header(into, header);
  return size;
}

#define STRATOS_PAYLOAD(Payload)                                                           \
  template std::optional<Payload> decode<Payload>(std::span<const std::byte>, WireLayout); \
  template size_t encode<Payload>(std::span<std::byte>, MessageHeader, const Payload&, WireLayout)
STRATOS_PAYLOAD(NoPayload);
STRATOS_PAYLOAD(DeviceInfo);
STRATOS_PAYLOAD(FeatureRange);
STRATOS_PAYLOAD(Features);
STRATOS_PAYLOAD(GetConfig);
STRATOS_PAYLOAD(ConfigData);
STRATOS_PAYLOAD(Status);
STRATOS_PAYLOAD(QueueIndex);
STRATOS_PAYLOAD(QueueInfo);
STRATOS_PAYLOAD(SetQueue);
STRATOS_PAYLOAD(GetShm);
STRATOS_PAYLOAD(ShmInfo);
STRATOS_PAYLOAD(ConfigEvent);
STRATOS_PAYLOAD(AvailEvent);
STRATOS_PAYLOAD(UsedEvent);
STRATOS_PAYLOAD(GetDevices);
STRATOS_PAYLOAD(DeviceWindow);
STRATOS_PAYLOAD(Ping);
STRATOS_PAYLOAD(DeviceEvent);
#undef STRATOS_PAYLOAD

}  // namespace stratos::virtio
