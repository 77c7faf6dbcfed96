// SPDX-License-Identifier: Apache-2.0
// stratosd in a guest, and what keeps its descriptors while it is away: fd-keeper, as
// there is no systemd.

#pragma once

#include <optional>
#include <string>

#include "harness/guest.h"

namespace stratos::guest {

class LocalHelper {
 public:
  struct Options {
    std::string name = "stratosd";  // of its files in the guest
    // Before the keeper's own command line, such as "setpriv --reuid 1000".
    std::string as{};
    // So many kills at random, the first of them crash()'s; 0 for crash() alone.
    int kills = 0;
    int within_ms = 100;  // after each start
  };

  // `config` is all of the configuration but its [stratosd] table. Ready when it returns;
  // throws HarnessError, with what it printed, if it ends instead.
  LocalHelper(Guest& guest, const std::string& config, Options options);
  LocalHelper(Guest& guest, const std::string& config) : LocalHelper(guest, config, Options{}) {}

  // Kills it; it is started again at once, and serves when this returns.
  void crash();
  // The same, and its successor has another configuration.
  void crash_into(const std::string& config);
  // The last of the kills that the options name is over, and it serves.
  bool kills_done();
  // Stops it and its keeper: nobody keeps anything any more. Returns its exit status.
  int stop();
  // Kills both at once.
  void vanish();
  // Signals stratosd itself.
  void signal(const std::string& name);

  // What `stratosctl` prints.
  Output ask(const std::string& command);
  // All that it and its keeper printed so far.
  std::string log() { return keeper_->text(); }

 private:
  std::string control() const { return "/run/stratos/" + options_.name + ".sock"; }
  std::string file() const { return "/etc/" + options_.name + ".toml"; }
  void configure(const std::string& config);
  void wait_ready();

  Guest* guest_;
  Options options_;
  std::optional<Job> keeper_;
  int starts_ = 1;
};

}  // namespace stratos::guest
