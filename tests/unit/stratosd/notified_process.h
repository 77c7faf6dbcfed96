// SPDX-License-Identifier: Apache-2.0
// A service under test, started as systemd would.

#pragma once

#include <string>
#include <vector>

#include "hub/child_process.h"
#include "hub/scratch_directory.h"
#include "runtime/unique_fd.h"

namespace stratos::test {

class NotifiedProcess {
 public:
  // `name` tells its files in `scratch` from those of others.
  NotifiedProcess(const hub::ScratchDirectory& scratch, const std::string& name,
                  std::vector<std::string> command, std::vector<std::string> environment = {});

  // Waits until the service says READY=1; false if it does not within a while.
  bool ready() { return heard("READY=1"); }
  // Waits until a notification contains `word`.
  bool heard(const std::string& word);
  hub::ChildProcess& process() { return process_; }
  // Its log, for messages of assertions.
  std::string log() const;

 private:
  static runtime::UniqueFd open_socket(const std::string& path);

  runtime::UniqueFd notify_;
  std::string log_;
  hub::ChildProcess process_;
};

}  // namespace stratos::test
