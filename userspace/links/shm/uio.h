// SPDX-License-Identifier: Apache-2.0
// The device side's way to a link inside a stub VM: the uio_stratos module hands out
// the ivshmem device's registers, its memory and its interrupt.

#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "links/shm/attachment.h"

namespace stratos::links {

struct UioPaths {
  std::filesystem::path devices = "/dev";
  std::filesystem::path classes = "/sys/class/uio";
};

// The device node to use: `spec` itself, or, for "auto", the one whose name is
// "stratos". An error if there is none, or more than one.
std::expected<std::filesystem::path, std::string> find_uio(const std::string& spec,
                                                           const UioPaths& paths = {});

// Opens a device node, checks and maps map0 (registers) and map1 (the region).
std::expected<std::unique_ptr<Attachment>, std::string> open_uio(const std::filesystem::path& node,
                                                                 const UioPaths& paths = {});

}  // namespace stratos::links
