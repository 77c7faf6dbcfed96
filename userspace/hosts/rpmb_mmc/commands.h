// SPDX-License-Identifier: Apache-2.0
// An exchange with an eMMC's RPMB partition as the commands of one ioctl.
//
// Frames go to the chip with CMD25 and come from it with CMD18. The kernel puts a CMD23
// before each, with the number of frames and, for what is executed, the bit for a reliable
// write.

#pragma once

#include <linux/mmc/ioctl.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "devices/rpmb/frame_port.h"

namespace stratos::rpmb_mmc {

// As struct mmc_ioc_multi_cmd (which ends with an array of no size).
struct Commands {
  uint64_t count = 0;
  std::array<mmc_ioc_cmd, 3> list{};
};
static_assert(offsetof(Commands, count) == offsetof(mmc_ioc_multi_cmd, num_of_cmds));
static_assert(offsetof(Commands, list) == offsetof(mmc_ioc_multi_cmd, cmds));

// They name the memory of `exchange`.
Commands commands_for(const rpmb::Exchange& exchange);

}  // namespace stratos::rpmb_mmc
