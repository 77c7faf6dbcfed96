// SPDX-License-Identifier: Apache-2.0
// Runs a program to its end.

#pragma once

#include <string>
#include <vector>

namespace stratos::test {

struct ProgramResult {
  int exit_code = -1;  // -1: it did not exit by itself
  std::string output;  // stdout
  std::string errors;  // stderr
};

ProgramResult run_program(const std::vector<std::string>& command);

}  // namespace stratos::test
