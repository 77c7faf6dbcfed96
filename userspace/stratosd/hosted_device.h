// SPDX-License-Identifier: Apache-2.0
// A device of the configuration, alive: its model and whatever that stands on.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "virtio/device.h"

namespace stratos::daemon {

class HostedDevice {
 public:
  virtual ~HostedDevice() = default;

  // Called once, inside the sandbox and before a guest is served. The error is one line.
  virtual std::expected<void, std::string> begin() { return {}; }

  virtual virtio::Device& model() = 0;
  // Names of the device-specific bits of `features`.
  virtual std::vector<std::string> feature_names(uint64_t features) const = 0;
  // Name of queue `index`.
  virtual std::string queue_name(uint16_t index) const = 0;
  // The model's counters and those of its host, as a flat object.
  virtual nlohmann::ordered_json counters() const = 0;
};

}  // namespace stratos::daemon
