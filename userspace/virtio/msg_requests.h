// SPDX-License-Identifier: Apache-2.0
// The messages of a driver to one device, turned into calls of its instance.

#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "virtio/amp_layout.h"
#include "virtio/instance.h"
#include "virtio/msg_codec.h"

namespace stratos::virtio {

struct RequestContext {
  Instance& instance;
  WireLayout layout;
  uint32_t vendor_id;
  Extent memory;  // of the device, in the region
};

// Serves a transport request or event of the driver, whose header was checked. Writes
// the response to `reply` and returns its size, 0 for an event.
std::expected<size_t, MessageError> serve_request(const RequestContext& context,
                                                  const MessageHeader& header,
                                                  std::span<const std::byte> payload,
                                                  std::span<std::byte> reply);

// Writes an EVENT_CONFIG, with the whole configuration space where it fits.
size_t write_config_event(const Instance& instance, uint16_t number, WireLayout layout,
                          std::span<std::byte> into);

}  // namespace stratos::virtio
