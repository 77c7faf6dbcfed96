// SPDX-License-Identifier: Apache-2.0
// A CAN device, alive.

#pragma once

#include <memory>

#include "devices/can/can_device.h"
#include "stratosd/hosted_device.h"

namespace stratos::daemon {

// `bus` outlives the device.
std::unique_ptr<HostedDevice> host_can_device(can::Bus& bus,
                                              const can::CanDevice::Options& options);

}  // namespace stratos::daemon
