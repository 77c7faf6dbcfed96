// SPDX-License-Identifier: Apache-2.0
#include "stratosd/socketcan_can_bus.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "hosts/socketcan.h"

namespace stratos::daemon {
namespace {

class SocketcanCanBus final : public CanBus {
 public:
  SocketcanCanBus(runtime::Loop& loop, std::string interface)
      : loop_(loop), interface_(std::move(interface)) {}

  std::expected<can::Bus*, std::string> join(const std::string& name) override;
  nlohmann::ordered_json counters() const override;

 private:
  runtime::Loop& loop_;
  std::string interface_;
  std::vector<std::unique_ptr<hosts::Socketcan>> sockets_;
};

std::expected<can::Bus*, std::string> SocketcanCanBus::join(const std::string&) {
  auto socket = hosts::Socketcan::open(loop_, {.interface = interface_});
  if (!socket) return std::unexpected(std::move(socket.error()));
  sockets_.push_back(std::move(*socket));
  return sockets_.back().get();
}

// The sum over all devices on the interface.
nlohmann::ordered_json SocketcanCanBus::counters() const {
  hosts::Socketcan::Counters sum;
  uint64_t unconfirmed = 0;
  uint64_t kernel_drops = 0;
  for (const auto& socket : sockets_) {
    const hosts::Socketcan::Counters& counters = socket->counters();
    sum.tx += counters.tx;
    sum.tx_failed += counters.tx_failed;
    sum.tx_waits += counters.tx_waits;
    sum.rx += counters.rx;
    sum.rx_ignored += counters.rx_ignored;
    sum.bus_offs += counters.bus_offs;
    sum.downs += counters.downs;
    unconfirmed += socket->echo_counters().unconfirmed;
    kernel_drops += socket->rx_kernel_drops();
  }
  return {
      {"interface", interface_},       {"tx", sum.tx},
      {"tx_failed", sum.tx_failed},    {"tx_waits", sum.tx_waits},
      {"tx_unconfirmed", unconfirmed}, {"rx", sum.rx},
      {"rx_ignored", sum.rx_ignored},  {"rx_kernel_drops", kernel_drops},
      {"bus_offs", sum.bus_offs},      {"downs", sum.downs},
  };
}

}  // namespace

std::expected<std::unique_ptr<CanBus>, std::string> open_socketcan_bus(runtime::Loop& loop,
                                                                       const BusConfig& config) {
  return std::make_unique<SocketcanCanBus>(loop, config.interface);
}

}  // namespace stratos::daemon
