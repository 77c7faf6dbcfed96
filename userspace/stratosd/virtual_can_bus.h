// SPDX-License-Identifier: Apache-2.0
// A [[bus]] of type "virtual": inside the helper, with a log replayed or recorded.

#pragma once

#include <expected>
#include <memory>
#include <string>

#include "stratosd/can_buses.h"

namespace stratos::daemon {

std::expected<std::unique_ptr<CanBus>, std::string> open_virtual_bus(runtime::Loop& loop,
                                                                     const BusConfig& config);

}  // namespace stratos::daemon
