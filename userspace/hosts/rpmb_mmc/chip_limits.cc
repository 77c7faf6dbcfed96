// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_mmc/chip_limits.h"

#include <linux/virtio_rpmb.h>

#include <fstream>
#include <iomanip>

namespace stratos::rpmb_mmc {
namespace {

// The kernel prints numbers as 0x2 or as 2; 0 if there is none.
uint32_t read_number(const std::filesystem::path& file) {
  uint32_t number = 0;
  std::ifstream(file) >> std::setbase(0) >> number;
  return number;
}

}  // namespace

std::optional<ChipLimits> read_chip_limits(const std::filesystem::path& card) {
  const uint32_t units = read_number(card / "raw_rpmb_size_mult");
  // In sectors of 512 bytes, which is a frame.
  const uint32_t sectors = read_number(card / "rel_sectors");
  if (units == 0 || units > VIRTIO_RPMB_MAX_CAPACITY || sectors == 0) return std::nullopt;
  return ChipLimits{.blocks = units * (VIRTIO_RPMB_CAPACITY_UNIT / VIRTIO_RPMB_BLOCK_SIZE),
                    .max_write_blocks = sectors};
}

}  // namespace stratos::rpmb_mmc
