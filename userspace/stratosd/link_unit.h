// SPDX-License-Identifier: Apache-2.0
// A [[link]], alive, and the devices on it.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <expected>
#include <string>

#include "stratosd/config.h"
#include "stratosd/hosted_device.h"
#include "stratosd/identity.h"
#include "virtio/instance.h"

namespace stratos::daemon {

class LinkUnit {
 public:
  virtual ~LinkUnit() = default;
  LinkUnit(const LinkUnit&) = delete;
  LinkUnit& operator=(const LinkUnit&) = delete;

  const LinkConfig& config() const { return config_; }

  // `device` outlives the unit.
  virtual std::expected<void, std::string> add_device(const DeviceConfig& config,
                                                      HostedDevice& device) = 0;
  // Empty once serve() can be called; until then what the link waits for and what to do
  // about it, as the end of a sentence.
  virtual std::string awaited() const { return {}; }
  // Opens the socket of a link that listens on one, for `identity`, while there are still
  // rights to do so. Its path, or an empty one.
  virtual std::expected<std::string, std::string> open_socket(const Identity& /*identity*/) {
    return std::string();
  }
  // Begins to serve the driver side. The error is one line.
  virtual std::expected<void, std::string> serve() = 0;

  // ---- For status reports ----
  // Device `number` as its driver sees it; nullptr while there is no driver side.
  virtual const virtio::Instance* instance(uint16_t number) const = 0;
  // The state of the link, first of all "state".
  virtual nlohmann::ordered_json status() const = 0;
  // "state", and what the link counted.
  virtual nlohmann::ordered_json stats() const = 0;

 protected:
  explicit LinkUnit(const LinkConfig& config) : config_(config) {}

 private:
  const LinkConfig& config_;
};

}  // namespace stratos::daemon
