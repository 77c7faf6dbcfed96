// SPDX-License-Identifier: Apache-2.0
// Links of type "shm": memory and doorbells from a stratos-hub.

#pragma once

#include <memory>

#include "stratosd/link_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<LinkPlan> read_shm_link_plan(config::TableReader& reader);

}  // namespace stratos::daemon
