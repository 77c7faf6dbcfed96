// SPDX-License-Identifier: Apache-2.0
// Links of type "loopback": the kernel that we run on is the driver side.

#pragma once

#include <memory>

#include "stratosd/link_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<LinkPlan> read_loopback_link_plan(config::TableReader& reader);

}  // namespace stratos::daemon
