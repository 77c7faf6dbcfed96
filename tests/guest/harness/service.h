// SPDX-License-Identifier: Apache-2.0
// A program of ours that tells when it is ready, as systemd's services do.

#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/program.h"

namespace stratos::guest {

class Service {
 public:
  // Starts it and waits for its READY=1 (sd_notify). Throws HarnessError, with what it printed, if
  // it ends or is not ready in time.
  Service(std::vector<std::string> argv, const std::filesystem::path& log);
  ~Service();

  // Waits as the constructor does, for a program that is started again by its keeper.
  void wait_ready();

  Program& program() { return *program_; }

 private:
  int notify_fd_;
  std::unique_ptr<Program> program_;
};

}  // namespace stratos::guest
