// SPDX-License-Identifier: Apache-2.0
// RPMB frames as they lie on the wire (virtio_rpmb.h), big endian.

#pragma once

#include <linux/virtio_rpmb.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/hmac.h"
#include "devices/rpmb/store.h"

namespace stratos::rpmb {

inline constexpr size_t kFrameSize = VIRTIO_RPMB_FRAME_SIZE;

enum class RequestType : uint16_t {
  kUnknown = 0,
  kProgramKey = VIRTIO_RPMB_REQ_PROGRAM_KEY,
  kGetCounter = VIRTIO_RPMB_REQ_GET_WRITE_COUNTER,
  kDataWrite = VIRTIO_RPMB_REQ_DATA_WRITE,
  kDataRead = VIRTIO_RPMB_REQ_DATA_READ,
  kResultRead = VIRTIO_RPMB_REQ_RESULT_READ,
  kConfigWrite = VIRTIO_RPMB_REQ_CONFIG_WRITE,
  kConfigRead = VIRTIO_RPMB_REQ_CONFIG_READ,
};
inline constexpr size_t kRequestTypes = 8;

enum class Result : uint16_t {
  kOk = VIRTIO_RPMB_RES_OK,
  kGeneralFailure = VIRTIO_RPMB_RES_GENERAL_FAILURE,
  kAuthFailure = VIRTIO_RPMB_RES_AUTH_FAILURE,
  kCountFailure = VIRTIO_RPMB_RES_COUNT_FAILURE,
  kAddressFailure = VIRTIO_RPMB_RES_ADDR_FAILURE,
  kWriteFailure = VIRTIO_RPMB_RES_WRITE_FAILURE,
  kReadFailure = VIRTIO_RPMB_RES_READ_FAILURE,
  kNoKey = VIRTIO_RPMB_RES_NO_AUTH_KEY,
};
inline constexpr size_t kResults = 8;

using Nonce = std::array<std::byte, VIRTIO_RPMB_NONCE_SIZE>;
using FrameView = std::span<const std::byte, kFrameSize>;

// The small fields of a frame, in the order of the wire.
struct Fields {
  Nonce nonce{};
  uint32_t write_counter = 0;
  uint16_t address = 0;
  uint16_t block_count = 0;
  uint16_t result = 0;
  uint16_t type = 0;  // of a request or of a response
};

// The type that a request's frame names, known to us or not.
uint16_t type_of(FrameView frame);
Fields fields_of(FrameView frame);
// The field that holds a key or a MAC.
std::array<std::byte, VIRTIO_RPMB_KEY_MAC_SIZE> key_mac_of(FrameView frame);
std::span<const std::byte, kBlockSize> block_of(FrameView frame);
// What of a frame goes into a MAC.
std::span<const std::byte> authenticated_part(FrameView frame);

// Writes a frame without key or MAC. `block` is a block, or empty for zeros.
void format_frame(const Fields& fields, std::span<const std::byte> block,
                  std::span<std::byte, kFrameSize> frame);
void set_mac(const Mac& mac, std::span<std::byte, kFrameSize> frame);

}  // namespace stratos::rpmb
