// SPDX-License-Identifier: Apache-2.0
// Devices of type "can": a CAN controller on one of the configured buses.

#pragma once

#include <memory>

#include "stratosd/device_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<DevicePlan> read_can_plan(config::TableReader& reader);

}  // namespace stratos::daemon
