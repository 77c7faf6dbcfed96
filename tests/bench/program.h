// SPDX-License-Identifier: Apache-2.0
// A program that runs beside the bench and ends with it.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace stratos::bench {

class Program {
 public:
  // Standard output goes nowhere, standard error to the bench's own.
  explicit Program(std::vector<std::string> arguments);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  // Waits until `path` exists; throws std::runtime_error after some seconds.
  static void wait_for_path(const std::string& path);

 private:
  pid_t pid_ = -1;
};

}  // namespace stratos::bench
