// SPDX-License-Identifier: Apache-2.0
#include "stratosd/hosted_rpmb.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "hosts/openssl_hmac.h"
#include "hosts/rpmb_file.h"

namespace stratos::daemon {
namespace {

constexpr const char* kRequestNames[rpmb::kRequestTypes] = {
    "unknown_requests", "key_programmings", "counter_reads", "data_writes",
    "data_reads",       "result_reads",     "config_writes", "config_reads"};
constexpr const char* kResultNames[rpmb::kResults] = {"ok",
                                                      "general_failures",
                                                      "auth_failures",
                                                      "counter_failures",
                                                      "address_failures",
                                                      "write_failures",
                                                      "read_failures",
                                                      "no_key"};

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
  const rpmb::Counters& c = model_.counters();
  uint64_t malformed = 0;
  for (const uint64_t count : c.malformed) malformed += count;
  nlohmann::ordered_json counters{
      {"capacity_bytes", uint64_t{model_.capacity_blocks()} * rpmb::kBlockSize},
      {"key_programmed", model_.state().key_programmed},
      {"write_counter", model_.state().write_counter},
      {"write_counter_expired", rpmb::is_expired(model_.state())},
      {"store_failed", store_->failed()},
  };
  for (size_t i = 0; i < c.requests.size(); ++i) counters[kRequestNames[i]] = c.requests[i];
  for (size_t i = 0; i < c.results.size(); ++i) counters[kResultNames[i]] = c.results[i];
  counters.update({{"blocks_written", c.blocks_written},
                   {"blocks_read", c.blocks_read},
                   {"repeated", c.repeated},
                   {"forgotten", c.forgotten},
                   {"unanswered", c.unanswered},
                   {"store_failures", c.store_failures},
                   {"malformed", malformed}});
  // Why, where there was a why.
  for (size_t i = 1; i < c.malformed.size(); ++i) {
    if (c.malformed[i] == 0) continue;
    counters[std::string("malformed: ") + to_string(static_cast<rpmb::Malformed>(i))] =
        c.malformed[i];
  }
  return counters;
}

}  // namespace

std::unique_ptr<HostedDevice> host_rpmb_device(std::unique_ptr<hosts::RpmbFile> store,
                                               const rpmb::RpmbDevice::Options& options) {
  return std::make_unique<HostedRpmb>(std::move(store), options);
}

}  // namespace stratos::daemon
