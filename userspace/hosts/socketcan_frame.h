// SPDX-License-Identifier: Apache-2.0
// CAN frames as a CAN_RAW socket of Linux carries them.

#pragma once

#include <linux/can.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "devices/can/bus.h"

namespace stratos::hosts {

struct SocketFrame {
  canfd_frame frame{};
  size_t size = 0;  // CAN_MTU or CANFD_MTU

  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(&frame, 1)).first(size);
  }
};

// `bit_rate_switch`: whether FD frames send their payload at the data bit rate.
SocketFrame to_socket(const can::Frame& frame, bool bit_rate_switch);

// What the kernel reports in an error frame, as far as it matters here.
struct BusErrors {
  bool bus_off = false;
  bool restarted = false;
};

struct FromSocket {
  std::optional<can::Frame> frame;
  std::optional<BusErrors> errors;
};

// Exactly one part is set, or none if this is nothing that we understand (CAN XL).
FromSocket from_socket(std::span<const std::byte> bytes);

}  // namespace stratos::hosts
