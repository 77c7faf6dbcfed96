// SPDX-License-Identifier: Apache-2.0
#include "stratosd/can_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "config/errors.h"
#include "config/table_reader.h"
#include "stratosd/can_buses.h"
#include "stratosd/config.h"
#include "stratosd/config_check.h"
#include "stratosd/hosted_can.h"
#include "stratosd/hosts.h"

namespace stratos::daemon {
namespace {

constexpr uint16_t kDefaultQueue = 256;
constexpr config::Range kQueueRange{2, 1024};

uint16_t queue_size(config::TableReader& reader, std::string_view key) {
  const auto size = static_cast<uint16_t>(reader.integer(key, kDefaultQueue, kQueueRange));
  if (!std::has_single_bit(size)) {
    reader.error(key, fmt::format("{} is no power of two; write {} or {}", size,
                                  std::bit_floor(size), std::bit_ceil(size)));
  }
  return size;
}

class CanPlan final : public DevicePlan {
 public:
  explicit CanPlan(config::TableReader& reader)
      : bus_(reader.required("bus", "name a [[bus]]")),
        options_{.tx_queue_size = queue_size(reader, "tx_queue"),
                 .rx_queue_size = queue_size(reader, "rx_queue"),
                 .fd = reader.boolean("fd", true),
                 .remote = reader.boolean("rtr", true),
                 .late_tx_ack = reader.boolean("late_tx_ack", true)} {
    // A vhost-user front-end that does not know the device gives all its queues one size.
    options_.control_queue_size = std::max(options_.tx_queue_size, options_.rx_queue_size);
  }

  void check(const DeviceConfig& device, const Config& config,
             config::Errors& errors) const override {
    if (config.bus(bus_)) return;
    errors.add(device.line, "device.bus", unknown_name(bus_, "bus", config.buses));
  }

  std::expected<std::unique_ptr<HostedDevice>, std::string> build(const DeviceConfig& device,
                                                                  Hosts& hosts) const override {
    const auto port = hosts.can_buses.find(bus_).join(device.name);
    if (!port) return std::unexpected(fmt::format("bus {}: {}", bus_, port.error()));
    return host_can_device(**port, options_);
  }

 private:
  std::string bus_;
  can::CanDevice::Options options_;
};

}  // namespace

std::unique_ptr<DevicePlan> read_can_plan(config::TableReader& reader) {
  return std::make_unique<CanPlan>(reader);
}

}  // namespace stratos::daemon
