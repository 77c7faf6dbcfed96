// SPDX-License-Identifier: Apache-2.0
// What RPMB devices of all types count, for an operator to see.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include "devices/rpmb/counters.h"

namespace stratos::daemon {

// Adds them to a flat object.
void add_counters(nlohmann::ordered_json& object, const rpmb::Counters& counters);

}  // namespace stratos::daemon
