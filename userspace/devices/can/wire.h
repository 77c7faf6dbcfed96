// SPDX-License-Identifier: Apache-2.0
// CAN frames as a virtio-can driver writes and reads them (VIRTIO 1.4, "CAN Device",
// "CAN Message Transmission" and "CAN Message Reception").

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/can/bus.h"

namespace stratos::can {

// The header in front of the payload, the same for both directions.
inline constexpr size_t kHeaderSize = 16;
inline constexpr size_t kMaxMessage = kHeaderSize + kMaxPayload;

// What the driver and the device agreed on.
struct FrameTypes {
  bool classic = false;
  bool fd = false;
  bool remote = false;
};

// Why a device does not send a frame: the driver gets NOT_OK.
enum class Reject : uint8_t {
  kNone,
  kShort,          // fewer bytes than a header
  kMessageType,    // not VIRTIO_CAN_TX
  kFlags,          // an undefined flag
  kNotNegotiated,  // a frame type that the two did not agree on
  kRemoteFd,       // there are no remote frames in CAN FD
  kId,             // more than 11 or 29 bits
  kLength,         // no length of a classic or an FD frame
  kPayload,        // fewer bytes of payload than the header says
  kStopped,        // the controller is not started
  kBus,            // the bus refused the frame
  kCount,
};

const char* to_string(Reject reject);

// 0 to 8, or one of the longer lengths that CAN FD knows.
bool is_fd_length(uint32_t length);

// Whether two parties that agreed on `types` may exchange `frame`.
bool carries(const FrameTypes& types, const Frame& frame);

// Reads a Tx message from a private copy. `frame` is valid if the result is kNone.
// The reserved fields are ignored. Bytes after the payload are, too, and a remote
// frame needs no payload at all: drivers differ there.
Reject parse_tx(std::span<const std::byte> message, const FrameTypes& types, Frame& frame);

// Writes an Rx message; returns its size. A remote frame carries `length` zero bytes,
// because the payload is as long as the length field says, and drivers check that.
size_t format_rx(const Frame& frame, std::span<std::byte, kMaxMessage> message);

}  // namespace stratos::can
