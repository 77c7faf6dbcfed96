// SPDX-License-Identifier: Apache-2.0
// What the control socket tells of links and devices.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <vector>

#include "control/control_protocol.h"
#include "runtime/loop.h"
#include "stratosd/can_buses.h"
#include "stratosd/config.h"
#include "stratosd/hosted_device.h"
#include "stratosd/link_unit.h"

namespace stratos::daemon {

// Everything there is to report on. Owned by the daemon.
struct Subjects {
  const Config& config;
  const runtime::Loop& loop;
  uint64_t started_at;  // monotonic nanoseconds
  const CanBuses& buses;
  const std::vector<std::unique_ptr<LinkUnit>>& links;        // as in the configuration
  const std::vector<std::unique_ptr<HostedDevice>>& devices;  // as in the configuration
};

nlohmann::ordered_json report(control::ControlOp op, const Subjects& subjects);

}  // namespace stratos::daemon
