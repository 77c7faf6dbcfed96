// SPDX-License-Identifier: Apache-2.0
#include "hosts/socketcan_frame.h"

#include <linux/can/error.h>

#include <algorithm>
#include <cstring>

#include "devices/can/wire.h"

namespace stratos::hosts {

static_assert(CANFD_MAX_DLEN == can::kMaxPayload);
static_assert(offsetof(can_frame, can_id) == offsetof(canfd_frame, can_id) &&
              offsetof(can_frame, len) == offsetof(canfd_frame, len) &&
              offsetof(can_frame, data) == offsetof(canfd_frame, data));

SocketFrame to_socket(const can::Frame& frame, bool bit_rate_switch) {
  SocketFrame out;
  out.frame.can_id = frame.id;
  if (frame.extended) out.frame.can_id |= CAN_EFF_FLAG;
  if (frame.remote) out.frame.can_id |= CAN_RTR_FLAG;
  out.frame.len = frame.length;
  if (frame.fd && bit_rate_switch) out.frame.flags = CANFD_BRS;
  if (!frame.remote) std::memcpy(out.frame.data, frame.payload.data(), frame.length);
  out.size = frame.fd ? CANFD_MTU : CAN_MTU;
  return out;
}

FromSocket from_socket(std::span<const std::byte> bytes) {
  if (bytes.size() != CAN_MTU && bytes.size() != CANFD_MTU) return {};
  canfd_frame raw{};
  std::memcpy(&raw, bytes.data(), bytes.size());
  if ((raw.can_id & CAN_ERR_FLAG) != 0) {
    return {.frame = std::nullopt,
            .errors = BusErrors{.bus_off = (raw.can_id & CAN_ERR_BUSOFF) != 0,
                                .restarted = (raw.can_id & CAN_ERR_RESTARTED) != 0}};
  }
  can::Frame frame;
  frame.fd = bytes.size() == CANFD_MTU;
  if (frame.fd ? !can::is_fd_length(raw.len) : raw.len > CAN_MAX_DLEN) return {};
  frame.extended = (raw.can_id & CAN_EFF_FLAG) != 0;
  frame.remote = !frame.fd && (raw.can_id & CAN_RTR_FLAG) != 0;
  frame.id = raw.can_id & (frame.extended ? CAN_EFF_MASK : CAN_SFF_MASK);
  frame.length = raw.len;
  if (!frame.remote) std::memcpy(frame.payload.data(), raw.data, raw.len);
  return {.frame = frame, .errors = std::nullopt};
}

}  // namespace stratos::hosts
