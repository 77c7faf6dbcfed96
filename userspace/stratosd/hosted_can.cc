// SPDX-License-Identifier: Apache-2.0
#include "stratosd/hosted_can.h"

#include <linux/virtio_can.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace stratos::daemon {
namespace {

class HostedCan final : public HostedDevice {
 public:
  HostedCan(can::Bus& bus, const can::CanDevice::Options& options)
      : tx_(options.tx_queue_size),
        backlog_(options.rx_queue_size),
        model_(bus, options, can::Storage{.tx = tx_, .backlog = backlog_}) {}

  virtio::Device& model() override { return model_; }
  std::vector<std::string> feature_names(uint64_t features) const override;
  std::string queue_name(uint16_t index) const override;
  nlohmann::ordered_json counters() const override;

 private:
  std::vector<can::TxSlot> tx_;
  std::vector<can::Frame> backlog_;
  can::CanDevice model_;
};

std::vector<std::string> HostedCan::feature_names(uint64_t features) const {
  constexpr std::pair<unsigned, const char*> kNames[] = {
      {VIRTIO_CAN_F_CAN_CLASSIC, "classic"},
      {VIRTIO_CAN_F_CAN_FD, "fd"},
      {VIRTIO_CAN_F_RTR_FRAMES, "rtr"},
      {VIRTIO_CAN_F_LATE_TX_ACK, "late_tx_ack"},
  };
  std::vector<std::string> names;
  for (const auto& [bit, name] : kNames) {
    if ((features >> bit & 1) != 0) names.emplace_back(name);
  }
  return names;
}

std::string HostedCan::queue_name(uint16_t index) const {
  switch (index) {
    case VIRTIO_CAN_QUEUE_TX:
      return "tx";
    case VIRTIO_CAN_QUEUE_RX:
      return "rx";
    default:
      return "control";
  }
}

nlohmann::ordered_json HostedCan::counters() const {
  const can::Counters& c = model_.counters();
  uint64_t rejected = 0;
  for (uint64_t count : c.tx_rejected) rejected += count;
  nlohmann::ordered_json counters{
      {"bus_started", model_.bus_started()},
      {"bus_off", model_.bus_off()},
      {"tx", c.tx},
      {"tx_failed", c.tx_failed},
      {"tx_cancelled", c.tx_cancelled},
      {"tx_rejected", rejected},
      {"rx", c.rx},
      {"rx_overrun", c.rx_overrun},
      {"rx_unsupported", c.rx_unsupported},
      {"rx_too_small", c.rx_too_small},
      {"rx_discarded", c.rx_discarded},
      {"rx_backlog_peak", c.rx_backlog_peak},
      {"rx_holds", c.rx_holds},
      {"bus_starts", c.starts},
      {"bus_stops", c.stops},
      {"bus_offs", c.bus_offs},
      {"control_rejected", c.control_rejected},
  };
  // Why, where there was a why.
  for (size_t i = 1; i < c.tx_rejected.size(); ++i) {
    if (c.tx_rejected[i] == 0) continue;
    counters[std::string("tx_rejected: ") + to_string(static_cast<can::Reject>(i))] =
        c.tx_rejected[i];
  }
  return counters;
}

}  // namespace

std::unique_ptr<HostedDevice> host_can_device(can::Bus& bus,
                                              const can::CanDevice::Options& options) {
  return std::make_unique<HostedCan>(bus, options);
}

}  // namespace stratos::daemon
