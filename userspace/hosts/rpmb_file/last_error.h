// SPDX-License-Identifier: Apache-2.0
// errno as a value.

#pragma once

#include <cerrno>
#include <system_error>

namespace stratos::rpmb_file {

inline std::error_code last_error() { return {errno, std::system_category()}; }

}  // namespace stratos::rpmb_file
