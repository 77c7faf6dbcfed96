// SPDX-License-Identifier: Apache-2.0
// What may be said of a store to anybody: no key, no MAC, no data.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "hosts/rpmb_file/contents.h"

namespace stratos::rpmb_tool {

nlohmann::ordered_json json_report(const std::string& path, const rpmb_file::Contents& contents);
// The same in lines.
std::string text_report(const nlohmann::ordered_json& report);

}  // namespace stratos::rpmb_tool
