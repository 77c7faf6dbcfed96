// SPDX-License-Identifier: Apache-2.0
#include "stratosd/hosted_rpmb.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "hosts/openssl_hmac.h"
#include "hosts/rpmb_file.h"
#include "stratosd/rpmb_counters.h"

namespace stratos::daemon {
namespace {

class HostedRpmb final : public HostedDevice {
 public:
  HostedRpmb(std::unique_ptr<hosts::RpmbFile> store, const rpmb::RpmbDevice::Options& options)
      : store_(std::move(store)),
        memory_(rpmb::RpmbDevice::storage_size(options)),
        model_(*store_, hmac_, options, memory_) {}

  virtio::Device& model() override { return model_; }
  // The device has none.
  std::vector<std::string> feature_names(uint64_t) const override { return {}; }
  std::string queue_name(uint16_t) const override { return "request"; }
  nlohmann::ordered_json counters() const override;

 private:
  std::unique_ptr<hosts::RpmbFile> store_;
  hosts::OpensslHmac hmac_;
  std::vector<std::byte> memory_;
  rpmb::RpmbDevice model_;
};

nlohmann::ordered_json HostedRpmb::counters() const {
  nlohmann::ordered_json counters{
      {"capacity_bytes", uint64_t{model_.capacity_blocks()} * rpmb::kBlockSize},
      {"key_programmed", model_.state().key_programmed},
      {"write_counter", model_.state().write_counter},
      {"write_counter_expired", rpmb::is_expired(model_.state())},
      {"store_failed", store_->failed()},
      {"store_failures", model_.counters().port_failures},
  };
  add_counters(counters, model_.counters());
  return counters;
}

}  // namespace

std::unique_ptr<HostedDevice> host_rpmb_device(std::unique_ptr<hosts::RpmbFile> store,
                                               const rpmb::RpmbDevice::Options& options) {
  return std::make_unique<HostedRpmb>(std::move(store), options);
}

}  // namespace stratos::daemon
