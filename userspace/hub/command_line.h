// SPDX-License-Identifier: Apache-2.0
// The arguments of stratos-hub.

#pragma once

#include <optional>
#include <string>
#include <vector>

namespace stratos::hub {

struct CommandLine {
  std::string config = "/etc/stratos/hub.toml";
  std::vector<std::string> links;  // --link; not empty: there is no file
  bool check = false;
  bool sandbox = true;
  bool verbose = false;
};

// Fills in `line`, or returns the status to exit with: --help, or an error, was
// printed.
std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line);

}  // namespace stratos::hub
