// SPDX-License-Identifier: Apache-2.0
// The helper's configuration for a link with CAN devices on one virtual bus.

#pragma once

#include <filesystem>
#include <string>

namespace stratos::guest {

struct CanLink {
  std::filesystem::path socket{};  // the hub's device socket; without one it is a loopback
  std::string ring = "packed";     // or "split"
  std::string link_keys{};         // further lines of the [[link]]
  int devices = 1;                 // can0, can1, ... of the guest
  std::string bus_keys{};          // further lines of the [[bus]]
};

std::string to_config(const CanLink& link);

}  // namespace stratos::guest
