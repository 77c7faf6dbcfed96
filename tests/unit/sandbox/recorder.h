// SPDX-License-Identifier: Apache-2.0
// What a program asks of the kernel once it is in its sandbox.

#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stratos::test {

struct Recording {
  int exit_code = -1;  // of the command, or minus the signal
  std::string output;  // of the command
  // Names of the system calls that processes of the program made with a filter loaded.
  std::set<std::string> calls;
};

// Runs `command`, and watches each process in it that executes `program`, a path without
// links. These have no vDSO, so that the calls that it spares them are seen as well. Nothing
// where this machine does not let us trace a child.
std::optional<Recording> record(const std::vector<std::string>& command,
                                const std::string& program);

}  // namespace stratos::test
