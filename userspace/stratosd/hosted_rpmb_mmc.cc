// SPDX-License-Identifier: Apache-2.0
#include "stratosd/hosted_rpmb_mmc.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hosts/rpmb_mmc.h"
#include "stratosd/rpmb_counters.h"

namespace stratos::daemon {
namespace {

class HostedRpmbMmc final : public HostedDevice {
 public:
  HostedRpmbMmc(std::unique_ptr<hosts::RpmbMmc> chip, const rpmb::RelayDevice::Options& options)
      : chip_(std::move(chip)),
        memory_(rpmb::RelayDevice::storage_size(options)),
        model_(*chip_, options, memory_) {}

  std::expected<void, std::string> begin() override { return chip_->start(); }
  virtio::Device& model() override { return model_; }
  // The device has none.
  std::vector<std::string> feature_names(uint64_t) const override { return {}; }
  std::string queue_name(uint16_t) const override { return "request"; }
  nlohmann::ordered_json counters() const override {
    nlohmann::ordered_json counters{
        {"capacity_bytes", uint64_t{model_.capacity_blocks()} * rpmb::kBlockSize},
        {"chip_failures", model_.counters().port_failures},
    };
    add_counters(counters, model_.counters());
    return counters;
  }

 private:
  std::unique_ptr<hosts::RpmbMmc> chip_;
  std::vector<std::byte> memory_;
  rpmb::RelayDevice model_;
};

}  // namespace

std::unique_ptr<HostedDevice> host_rpmb_mmc_device(std::unique_ptr<hosts::RpmbMmc> chip,
                                                   const rpmb::RelayDevice::Options& options) {
  return std::make_unique<HostedRpmbMmc>(std::move(chip), options);
}

}  // namespace stratos::daemon
