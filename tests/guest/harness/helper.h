// SPDX-License-Identifier: Apache-2.0
// stratosd on this machine, for as long as the object lives.

#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "harness/scratch.h"
#include "harness/service.h"

namespace stratos::guest {

class Helper {
 public:
  // `config` is all of the configuration but its [stratosd] table. Ready when it returns. `scratch`
  // outlives it.
  Helper(const Scratch& scratch, const std::string& config);

  // Ends it at once, as a crash would; `start` brings it back with the same configuration.
  void crash();
  void start();
  // As start(), with another configuration from now on.
  void start_with(const std::string& config);
  // Asks it to end and returns its exit status.
  int stop();

  Program& program() { return service_->program(); }
  // What `stratosctl --json COMMAND` prints.
  std::string ask(const std::string& command) const;

 private:
  const Scratch& scratch_;
  std::filesystem::path control_;
  std::filesystem::path config_;
  std::optional<Service> service_;
};

}  // namespace stratos::guest
