// SPDX-License-Identifier: Apache-2.0

#include "virtio/msg_requests.h"

#include <array>

#include "virtio/endian.h"

namespace stratos::virtio {
namespace {

constexpr uint32_t kFeatureBlocks = 2;

// One request: what it says and where the answer goes.
class Handler {
 public:
  Handler(const RequestContext& context, const MessageHeader& header,
          std::span<const std::byte> payload, std::span<std::byte> reply)
      : instance_(context.instance),
        context_(context),
        header_(header),
        payload_(payload),
        reply_(reply) {}

  using Result = std::expected<size_t, MessageError>;

  Result get_device_info() {
    const DeviceType& type = instance_.device().type();
    return answer(DeviceInfo{.device_id = type.device_id,
                             .vendor_id = context_.vendor_id,
                             .feature_blocks = kFeatureBlocks,
                             .config_size = type.config_size,
                             .max_queues = instance_.queue_count()});
  }

  Result get_device_features() {
    const auto range = decode<FeatureRange>(payload_, context_.layout);
    std::array<std::byte, kMaxMessage> words;
    if (!range || range->count > words.size() / sizeof(uint32_t)) return malformed();
    for (uint32_t i = 0; i < range->count; ++i) {
      const bool known = range->first < kFeatureBlocks;
      store_le(&words[i * sizeof(uint32_t)],
               known ? instance_.feature_block(range->first + i) : 0U);
    }
    return answer(Features{*range, std::span(words).first(range->count * sizeof(uint32_t))});
  }

  Result set_driver_features() {
    const auto features = decode<Features>(payload_, context_.layout);
    if (!features) return malformed();
    for (uint32_t i = 0; i < features->range.count; ++i) {
      const auto bits = load_le<uint32_t>(&features->words[i * sizeof(uint32_t)]);
      const bool known = features->range.first < kFeatureBlocks;
      instance_.set_feature_block(known ? features->range.first + i : kFeatureBlocks, bits);
    }
    return answer(NoPayload{});
  }

  Result get_config() {
    const auto request = decode<GetConfig>(payload_, context_.layout);
    if (!request) return malformed();
    std::array<std::byte, kMaxMessage> data;
    ConfigData config{instance_.generation(), request->offset, {}};
    const size_t room = reply_.size() - kMessageHeaderSize - sizeof(virtio_msg_config);
    if (request->length <= room) {
      const auto piece = std::span(data).first(request->length);
      if (instance_.read_config(request->offset, piece)) config.data = piece;
    }
    return answer(config);
  }

  Result set_config() {
    auto config = decode<ConfigData>(payload_, context_.layout);
    if (!config) return malformed();
    if (!instance_.write_config(config->generation, config->offset, config->data)) {
      config->data = {};
    }
    // The slot of the request was copied, so the data may be sent from there.
    config->generation = instance_.generation();
    return answer(*config);
  }

  Result get_status() {
    instance_.poll_reset();
    return answer(Status{instance_.status()});
  }

  Result set_status() {
    const auto request = decode<Status>(payload_, context_.layout);
    if (!request) return malformed();
    return answer(Status{instance_.set_status(request->status)});
  }

  Result get_queue() {
    const auto request = decode<QueueIndex>(payload_, context_.layout);
    if (!request) return malformed();
    QueueInfo info{.index = request->index};
    if (request->index < instance_.queue_count()) {
      const auto index = static_cast<uint16_t>(request->index);
      const QueueState& state = instance_.queue_state(index);
      info.max_size = instance_.max_queue_size(index);
      info.size = state.setup.size;
      info.enabled = state.enabled;
      info.desc = state.setup.desc;
      info.driver = state.setup.driver;
      info.device = state.setup.device;
    }
    return answer(info);
  }

  Result set_queue() {
    const auto request = decode<SetQueue>(payload_, context_.layout);
    if (!request) return malformed();
    // A size that does not fit is none at all.
    const bool fits = request->size <= UINT16_MAX;
    instance_.set_queue(request->index,
                        {.size = fits ? static_cast<uint16_t>(request->size) : uint16_t{0},
                         .desc = request->desc,
                         .driver = request->driver,
                         .device = request->device},
                        request->enable);
    return answer(NoPayload{});
  }

  Result get_shm() {
    const auto request = decode<GetShm>(payload_, context_.layout);
    if (!request) return malformed();
    ShmInfo info{.id = request->id};
    if (request->id == VIRTIO_MSG_SHMID_DEVICE_MEMORY) {
      info.length = context_.memory.size;
      info.address = context_.memory.offset;
    }
    return answer(info);
  }

  Result avail() {
    const auto event = decode<AvailEvent>(payload_, context_.layout);
    if (!event || event->queue >= instance_.queue_count()) return malformed();
    instance_.kick(static_cast<uint16_t>(event->queue));
    return 0;
  }

 private:
  template <typename Payload>
  Result answer(const Payload& payload) {
    const MessageHeader header{
        .response = true, .id = header_.id, .device = header_.device, .token = header_.token};
    const size_t size = encode(reply_, header, payload, context_.layout);
    if (size == 0) return malformed();
    return size;
  }

  Result malformed() {
    ++instance_.counters().malformed;
    return std::unexpected(MessageError::kPayload);
  }

  Instance& instance_;
  const RequestContext& context_;
  const MessageHeader& header_;
  std::span<const std::byte> payload_;
  std::span<std::byte> reply_;
};

}  // namespace

std::expected<size_t, MessageError> serve_request(const RequestContext& context,
                                                  const MessageHeader& header,
                                                  std::span<const std::byte> payload,
                                                  std::span<std::byte> reply) {
  Handler handler(context, header, payload, reply);
  switch (header.id) {
    case VIRTIO_MSG_GET_DEVICE_INFO:
      return handler.get_device_info();
    case VIRTIO_MSG_GET_DEVICE_FEATURES:
      return handler.get_device_features();
    case VIRTIO_MSG_SET_DRIVER_FEATURES:
      return handler.set_driver_features();
    case VIRTIO_MSG_GET_CONFIG:
      return handler.get_config();
    case VIRTIO_MSG_SET_CONFIG:
      return handler.set_config();
    case VIRTIO_MSG_GET_DEVICE_STATUS:
      return handler.get_status();
    case VIRTIO_MSG_SET_DEVICE_STATUS:
      return handler.set_status();
    case VIRTIO_MSG_GET_VQUEUE:
      return handler.get_queue();
    case VIRTIO_MSG_SET_VQUEUE:
      return handler.set_queue();
    case VIRTIO_MSG_GET_SHM:
      return handler.get_shm();
    case VIRTIO_MSG_EVENT_AVAIL:
      return handler.avail();
    default:
      // RESET_VQUEUE among them: F_RING_RESET is not offered.
      return std::unexpected(MessageError::kId);
  }
}

size_t write_config_event(const Instance& instance, uint16_t number, WireLayout layout,
                          std::span<std::byte> into) {
  ConfigEvent event{instance.status(), instance.generation(), 0, {}};
  std::array<std::byte, kMaxMessage> data;
  const uint32_t size = instance.device().type().config_size;
  const size_t room = into.size() - kMessageHeaderSize - sizeof(virtio_msg_event_config);
  if (size != 0 && size <= room) {
    const auto config = std::span(data).first(size);
    instance.read_config(0, config);
    event.data = config;
  }
  return encode(into, {.id = VIRTIO_MSG_EVENT_CONFIG, .device = number}, event, layout);
}

}  // namespace stratos::virtio
