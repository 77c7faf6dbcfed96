// SPDX-License-Identifier: Apache-2.0
#include "stratosd/can_buses.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "stratosd/socketcan_can_bus.h"
#include "stratosd/virtual_can_bus.h"

namespace stratos::daemon {

std::expected<CanBuses, std::string> CanBuses::open(runtime::Loop& loop,
                                                    const std::vector<BusConfig>& configs) {
  CanBuses buses;
  for (const BusConfig& config : configs) {
    auto bus = config.type == BusType::kVirtual ? open_virtual_bus(loop, config)
                                                : open_socketcan_bus(loop, config);
    if (!bus) return std::unexpected(fmt::format("bus {}: {}", config.name, bus.error()));
    buses.buses_.push_back({config.name, std::move(*bus)});
  }
  return buses;
}

CanBus& CanBuses::find(std::string_view name) {
  return *std::ranges::find(buses_, name, &Named::name)->bus;
}

void CanBuses::begin() {
  for (Named& named : buses_) named.bus->begin();
}

nlohmann::ordered_json CanBuses::counters() const {
  auto list = nlohmann::ordered_json::array();
  for (const Named& named : buses_) {
    nlohmann::ordered_json object{{"name", named.name}};
    object.update(named.bus->counters());
    list.push_back(std::move(object));
  }
  return list;
}

}  // namespace stratos::daemon
