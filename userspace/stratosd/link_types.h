// SPDX-License-Identifier: Apache-2.0
// The types of links that a configuration may name.

#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "stratosd/link_plan.h"

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

struct LinkTypeEntry {
  std::string_view name;
  // Reads the keys that belong to this type.
  std::unique_ptr<LinkPlan> (*read)(config::TableReader& reader);
};

std::span<const LinkTypeEntry> link_types();

}  // namespace stratos::daemon
