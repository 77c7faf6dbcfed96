// SPDX-License-Identifier: Apache-2.0
// Devices of type "rpmb": replay-protected blocks in a store of their own.

#pragma once

#include <memory>

#include "stratosd/device_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<DevicePlan> read_rpmb_plan(config::TableReader& reader);

}  // namespace stratos::daemon
