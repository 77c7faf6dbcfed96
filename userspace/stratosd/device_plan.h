// SPDX-License-Identifier: Apache-2.0
// What a type of device is to the daemon: keys in the configuration, and a way to
// build the model with the hosts that it needs.

#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "stratosd/owned_path.h"

namespace stratos::config {
class Errors;
}

namespace stratos::daemon {

struct Config;
struct DeviceConfig;
class HostedDevice;
struct Hosts;

// The part of a [[device]] that only its type understands.
class DevicePlan {
 public:
  virtual ~DevicePlan() = default;

  // Checks what this part names elsewhere in the configuration.
  virtual void check(const DeviceConfig& device, const Config& config,
                     config::Errors& errors) const = 0;
  virtual std::vector<OwnedPath> owned_paths() const { return {}; }
  // Builds the device. The error is one line for the operator.
  virtual std::expected<std::unique_ptr<HostedDevice>, std::string> build(
      const DeviceConfig& device, Hosts& hosts) const = 0;
};

}  // namespace stratos::daemon
