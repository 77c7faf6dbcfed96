// SPDX-License-Identifier: Apache-2.0
// The CAN buses of the configuration.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "devices/can/bus.h"
#include "runtime/loop.h"
#include "stratosd/config.h"

namespace stratos::daemon {

// A bus that devices can join.
class CanBus {
 public:
  virtual ~CanBus() = default;

  // A controller on this bus, for the device `name`. Lives as long as the bus.
  virtual std::expected<can::Bus*, std::string> join(const std::string& name) = 0;
  // Devices are there now: what replays a log begins.
  virtual void begin() {}
  // A flat object.
  virtual nlohmann::ordered_json counters() const = 0;
};

class CanBuses {
 public:
  // Opens everything that the buses need; `loop` outlives them. The error is one line.
  static std::expected<CanBuses, std::string> open(runtime::Loop& loop,
                                                   const std::vector<BusConfig>& configs);

  // The bus that a checked configuration names.
  CanBus& find(std::string_view name);
  void begin();
  // One object per bus: its name and its counters.
  nlohmann::ordered_json counters() const;

 private:
  struct Named {
    std::string name;
    std::unique_ptr<CanBus> bus;
  };
  std::vector<Named> buses_;
};

}  // namespace stratos::daemon
