// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of a chip with an RPMB partition.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace stratos::rpmb_mmc {

struct ChipLimits {
  uint32_t blocks = 0;            // the capacity
  uint32_t max_write_blocks = 0;  // in one request
};

// Out of the card's folder in sysfs, such as /sys/block/mmcblk0/device; nothing if it does
// not have both, or if they make no sense.
std::optional<ChipLimits> read_chip_limits(const std::filesystem::path& card);

}  // namespace stratos::rpmb_mmc
