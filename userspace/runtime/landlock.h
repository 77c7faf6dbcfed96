// SPDX-License-Identifier: Apache-2.0
// The file system as Landlock leaves it.

#pragma once

#include <expected>
#include <span>
#include <string>

namespace stratos::runtime {

// Forbids every access to the file system but unlinking files below `unlink_in`.
// False if the kernel has no Landlock; an error if it has and refuses.
std::expected<bool, std::string> restrict_file_system(std::span<const std::string> unlink_in);

}  // namespace stratos::runtime
