// SPDX-License-Identifier: Apache-2.0
// What hub.toml, or --link, says.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace stratos::hub {

struct LinkConfig {
  std::string name;
  uint64_t size = 0;  // of the region: a power of two
  std::string driver_socket;
  std::string device_socket;
  uint16_t vectors = 1;
  // Of both sockets; -1 leaves what the process has.
  uid_t owner = static_cast<uid_t>(-1);
  gid_t group = static_cast<gid_t>(-1);
  mode_t mode = 0660;
};

struct Config {
  std::vector<LinkConfig> links;
};

// The error is a list of lines "file:line: key: what is wrong and what to do".
using ConfigResult = std::expected<Config, std::vector<std::string>>;

ConfigResult parse_config(std::string_view text, const std::string& file);
ConfigResult load_config(const std::string& file);

// Links as the command line has them: "name=a,size=4M,driver-socket=D,device-socket=E".
// The keys are those of the file, with dashes; lines in errors count the options.
ConfigResult parse_link_options(const std::vector<std::string>& options);

}  // namespace stratos::hub
