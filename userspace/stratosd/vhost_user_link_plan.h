// SPDX-License-Identifier: Apache-2.0
// A [[link]] of type "vhost-user": a VMM, or any other front-end, drives one device.

#pragma once

#include <memory>

#include "stratosd/link_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<LinkPlan> read_vhost_user_link_plan(config::TableReader& reader);

}  // namespace stratos::daemon
