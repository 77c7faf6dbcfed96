// SPDX-License-Identifier: Apache-2.0
// Links of type "uio": an ivshmem device of the VM that we run in.

#pragma once

#include <memory>

#include "stratosd/link_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

std::unique_ptr<LinkPlan> read_uio_link_plan(config::TableReader& reader);

}  // namespace stratos::daemon
