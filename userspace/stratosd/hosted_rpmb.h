// SPDX-License-Identifier: Apache-2.0
// An RPMB device, alive.

#pragma once

#include <memory>

#include "devices/rpmb/rpmb_device.h"
#include "stratosd/hosted_device.h"

namespace stratos::hosts {
class RpmbFile;
}

namespace stratos::daemon {

std::unique_ptr<HostedDevice> host_rpmb_device(std::unique_ptr<hosts::RpmbFile> store,
                                               const rpmb::RpmbDevice::Options& options);

}  // namespace stratos::daemon
