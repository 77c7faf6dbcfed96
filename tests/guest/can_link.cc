// SPDX-License-Identifier: Apache-2.0

#include "can_link.h"

#include <fmt/format.h>

namespace stratos::guest {
namespace {

std::string door(const std::filesystem::path& socket) {
  if (socket.empty()) return "type = \"loopback\"";
  return fmt::format("type = \"shm\"\nsocket = \"{}\"", socket.string());
}

}  // namespace

std::string to_config(const CanLink& link) {
  std::string config = fmt::format(R"(
[[link]]
name = "a"
{}
ring = "{}"
{}

[[bus]]
name = "bench"
type = "virtual"
{}
)",
                                   door(link.socket), link.ring, link.link_keys, link.bus_keys);
  for (int number = 0; number < link.devices; ++number) {
    config += fmt::format(R"(
[[device]]
name = "can{0}"
type = "can"
link = "a"
number = {0}
bus = "bench"
)",
                          number);
  }
  return config;
}

}  // namespace stratos::guest
