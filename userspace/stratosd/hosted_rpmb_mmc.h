// SPDX-License-Identifier: Apache-2.0
// The RPMB partition of a real eMMC as a device, alive.

#pragma once

#include <memory>

#include "devices/rpmb/relay_device.h"
#include "stratosd/hosted_device.h"

namespace stratos::hosts {
class RpmbMmc;
}

namespace stratos::daemon {

std::unique_ptr<HostedDevice> host_rpmb_mmc_device(std::unique_ptr<hosts::RpmbMmc> chip,
                                                   const rpmb::RelayDevice::Options& options);

}  // namespace stratos::daemon
