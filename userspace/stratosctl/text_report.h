// SPDX-License-Identifier: Apache-2.0
// A reply of stratosd as text for people.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace stratos::ctl {

// A block of "name  value" lines for each object, a table for each list of small ones.
// What the daemon adds to a reply later is shown without a change here. Control
// characters in the reply do not reach the terminal.
std::string text_report(const nlohmann::ordered_json& reply);

}  // namespace stratos::ctl
