// SPDX-License-Identifier: Apache-2.0
// The messages of a link: requests answered, events sent.

#include <array>
#include <utility>

#include "virtio/msg_link.h"
#include "virtio/msg_requests.h"

namespace stratos::virtio {
namespace {

// Device numbers as GET_DEVICES counts them: in bytes of a bitmap.
constexpr uint32_t kNumbers = (kMaxDevices + 7) / 8 * 8;

}  // namespace

void MsgLink::receive_messages() {
  // No more at once than a full queue: a driver cannot keep us here.
  for (uint32_t left = layout_.num_elements; left != 0; --left) {
    if (!handle_message()) return;
  }
}

// Serves the oldest message; false if there is none or no room for its answer.
bool MsgLink::handle_message() {
  const std::span<std::byte> slot = buffer(in_);
  switch (endpoint_.receive(slot)) {
    case ReceiveResult::kEmpty:
      look_ = false;
      return false;
    case ReceiveResult::kBadIndex:
      look_ = false;
      drop(MessageError::kIndex, {});
      return false;
    case ReceiveResult::kMessage:
      break;
  }
  if (!endpoint_.can_send()) {
    stalled_ = true;
    ++counters_.send_stalls;
    return false;
  }
  ++counters_.messages_received;
  const MessageHeader header = decode_header(slot);
  std::expected<size_t, MessageError> reply = std::unexpected(MessageError::kSize);
  if (header.size >= kMessageHeaderSize && header.size <= slot.size()) {
    reply = serve_message(header, slot.first(header.size).subspan(kMessageHeaderSize));
  }
  if (!reply) {
    drop(reply.error(), header);
  } else if (*reply != 0) {
    send(*reply);
  }
  // Only now: should this process die before, the successor serves the request again.
  endpoint_.consume();
  return true;
}

std::expected<size_t, MessageError> MsgLink::serve_message(const MessageHeader& header,
                                                           std::span<const std::byte> payload) {
  const MessageKind* kind = find_message(header.bus, header.id);
  if (kind == nullptr) return std::unexpected(MessageError::kId);
  if (header.response || kind->sender != Sender::kDriver) {
    return std::unexpected(MessageError::kDirection);
  }
  if (payload.size() < kind->request_size) return std::unexpected(MessageError::kPayload);
  if (header.bus) return serve_bus(header, payload);
  if (instance(header.device) == nullptr) return std::unexpected(MessageError::kDevice);
  Slot& slot = slots_[header.device];
  const RequestContext context{slot.instance, options_.layout, options_.vendor_id, slot.memory};
  const auto reply = serve_request(context, header, payload, buffer(out_));
  // What the driver is about to learn must not get lost any more.
  slot.instance.record();
  return reply;
}

std::expected<size_t, MessageError> MsgLink::serve_bus(const MessageHeader& header,
                                                       std::span<const std::byte> payload) {
  const MessageHeader answer{.response = true, .bus = true, .id = header.id, .token = header.token};
  if (header.id == VIRTIO_MSG_BUS_PING) {
    const auto ping = decode<Ping>(payload, options_.layout);
    return encode(buffer(out_), answer, *ping, options_.layout);
  }
  const auto request = decode<GetDevices>(payload, options_.layout);
  if (!request || request->offset % 8 != 0 || request->count % 8 != 0) {
    return std::unexpected(MessageError::kPayload);
  }
  // A window beyond the last number is empty, and a larger one is cut.
  const uint32_t offset = std::min<uint32_t>(request->offset, kNumbers);
  const uint32_t count = std::min<uint32_t>(request->count, kNumbers - offset);
  const uint32_t end = offset + count;
  std::array<std::byte, kNumbers / 8> bitmap{};
  for (uint32_t byte = 0; byte < count / 8; ++byte) {
    bitmap[byte] = static_cast<std::byte>(present_ >> (offset + 8 * byte));
  }
  const bool last = end >= kNumbers || (present_ >> end) == 0;
  return encode(buffer(out_), answer,
                DeviceWindow{.offset = request->offset,
                             .next_offset = static_cast<uint16_t>(last ? 0 : end),
                             .count = static_cast<uint16_t>(count),
                             .bitmap = std::span(bitmap).first(count / 8)},
                options_.layout);
}

void MsgLink::drop(MessageError error, const MessageHeader& header) {
  ++counters_.messages_malformed;
  const bool of_link = error == MessageError::kIndex || header.bus;
  report(Event::kMessageDropped, of_link ? Observer::kNoDevice : header.device,
         static_cast<uint32_t>(error) << 16 | header.id);
}

bool MsgLink::send(size_t size) {
  if (!endpoint_.send(std::span(out_).first(size))) return false;
  ++counters_.messages_sent;
  return true;
}

// Events are sets of devices until there is room for their messages: what happens twice
// meanwhile is told once.
void MsgLink::send_events() {
  if ((removed_events_ | ready_events_ | config_events_) == 0) return;
  const bool sent = send_device_events(removed_events_, VIRTIO_MSG_DEVICE_REMOVED) &&
                    send_device_events(ready_events_, VIRTIO_MSG_DEVICE_READY) &&
                    send_config_events();
  if (sent) return;
  if (!stalled_) ++counters_.send_stalls;
  stalled_ = true;
}

bool MsgLink::send_device_events(DeviceSet& events, uint16_t state) {
  bool sent = true;
  for_each_device(events, [&](uint16_t number) {
    const size_t size = encode(buffer(out_), {.bus = true, .id = VIRTIO_MSG_BUS_EVENT_DEVICE},
                               DeviceEvent{number, state}, options_.layout);
    if (!sent || !send(size)) {
      sent = false;
      return;
    }
    events &= ~device_bit(number);
    // Until here a successor would have had to tell the driver side.
    if ((present_ & device_bit(number)) == 0) records_.erase(number);
  });
  return sent;
}

bool MsgLink::send_config_events() {
  bool sent = true;
  for_each_device(config_events_, [&](uint16_t number) {
    const size_t size =
        write_config_event(slots_[number].instance, number, options_.layout, buffer(out_));
    if (!sent || !send(size)) {
      sent = false;
      return;
    }
    config_events_ &= ~device_bit(number);
  });
  return sent;
}

}  // namespace stratos::virtio
