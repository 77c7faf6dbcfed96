// SPDX-License-Identifier: Apache-2.0
#include "stratosd/device_types.h"

#include "stratosd/can_plan.h"
#include "stratosd/rpmb_mmc_plan.h"
#include "stratosd/rpmb_plan.h"

namespace stratos::daemon {
namespace {

constexpr DeviceTypeEntry kDeviceTypes[] = {
    {"can", read_can_plan},
    {"rpmb", read_rpmb_plan},
    {"rpmb-mmc", read_rpmb_mmc_plan},
};

}  // namespace

std::span<const DeviceTypeEntry> device_types() { return kDeviceTypes; }

}  // namespace stratos::daemon
