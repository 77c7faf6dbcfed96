// SPDX-License-Identifier: Apache-2.0
// A [[bus]] of type "socketcan": a CAN interface of this machine. Each device has a
// socket of its own, so that devices on the same interface hear each other.

#pragma once

#include <expected>
#include <memory>
#include <string>

#include "stratosd/can_buses.h"

namespace stratos::daemon {

std::expected<std::unique_ptr<CanBus>, std::string> open_socketcan_bus(runtime::Loop& loop,
                                                                       const BusConfig& config);

}  // namespace stratos::daemon
