// SPDX-License-Identifier: Apache-2.0
// The types of devices that a configuration may name.

#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "stratosd/device_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

struct DeviceTypeEntry {
  std::string_view name;
  // Reads the keys that belong to this type.
  std::unique_ptr<DevicePlan> (*read)(config::TableReader& reader);
};

std::span<const DeviceTypeEntry> device_types();

}  // namespace stratos::daemon
