// SPDX-License-Identifier: Apache-2.0
// Devices of type "rpmb-mmc": the RPMB partition of a real eMMC.

#pragma once

#include <memory>

#include "stratosd/device_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<DevicePlan> read_rpmb_mmc_plan(config::TableReader& reader);

}  // namespace stratos::daemon
