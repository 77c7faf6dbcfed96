// SPDX-License-Identifier: Apache-2.0
#include "stratosd/rpmb_mmc_plan.h"

#include <algorithm>
#include <utility>

#include "config/table_reader.h"
#include "devices/rpmb/relay_device.h"
#include "hosts/rpmb_mmc.h"
#include "stratosd/hosted_rpmb_mmc.h"
#include "stratosd/hosts.h"
#include "stratosd/rpmb_keys.h"

namespace stratos::daemon {
namespace {

constexpr config::Range kCapacityRange{
    VIRTIO_RPMB_CAPACITY_UNIT, uint64_t{VIRTIO_RPMB_MAX_CAPACITY} * VIRTIO_RPMB_CAPACITY_UNIT};
// What is left to the chip.
constexpr uint16_t kAskTheChip = 0;

class RpmbMmcPlan final : public DevicePlan {
 public:
  explicit RpmbMmcPlan(config::TableReader& reader)
      : chip_{.device = reader.required("device", "write a path such as \"/dev/mmcblk0rpmb\""),
              .capacity = read_capacity(reader),
              .max_write_blocks = read_max_write_blocks(reader, kAskTheChip)} {
    options_.max_read_blocks = read_max_read_blocks(reader, options_.max_read_blocks);
  }

  void check(const DeviceConfig&, const Config&, config::Errors&) const override {}

  std::vector<OwnedPath> owned_paths() const override {
    return {{"device", normal_path(chip_.device)}};
  }

  std::expected<std::unique_ptr<HostedDevice>, std::string> build(const DeviceConfig&,
                                                                  Hosts& hosts) const override {
    auto chip = hosts::RpmbMmc::open(hosts.loop, chip_);
    if (!chip) return std::unexpected(std::move(chip.error()));
    rpmb::RelayDevice::Options options = options_;
    options.blocks = (*chip)->capacity();
    options.max_write_blocks = static_cast<uint16_t>(
        std::min<uint32_t>((*chip)->max_write_blocks(), rpmb::kMaxWriteBlocks));
    return host_rpmb_mmc_device(std::move(*chip), options);
  }

 private:
  // In blocks.
  static uint32_t read_capacity(config::TableReader& reader) {
    const uint64_t size = reader.size("capacity", kAskTheChip, kCapacityRange);
    if (size % VIRTIO_RPMB_CAPACITY_UNIT != 0) {
      reader.error("capacity", "is no multiple of 128K; write what the chip has");
    }
    return static_cast<uint32_t>(size / rpmb::kBlockSize);
  }

  hosts::RpmbMmc::Options chip_;
  rpmb::RelayDevice::Options options_;
};

}  // namespace

std::unique_ptr<DevicePlan> read_rpmb_mmc_plan(config::TableReader& reader) {
  return std::make_unique<RpmbMmcPlan>(reader);
}

}  // namespace stratos::daemon
