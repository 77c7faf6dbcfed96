// SPDX-License-Identifier: Apache-2.0

#include "harness/local_helper.h"

#include <fmt/format.h>

#include <algorithm>

namespace stratos::guest {

LocalHelper::LocalHelper(Guest& guest, const std::string& config, Options options)
    : guest_(&guest), options_(std::move(options)) {
  configure(config);
  guest.must("mkdir -p -m 777 /run/stratos");  // elsewhere the unit file's
  keeper_ = guest.start(fmt::format("{} fd-keeper --kills {} --within {} stratosd --config {}",
                                    options_.as, options_.kills, options_.within_ms, file()));
  wait_ready();
}

void LocalHelper::configure(const std::string& config) {
  guest_->write(file(), fmt::format("[stratosd]\ncontrol_socket = \"{}\"\n{}", control(), config));
}

void LocalHelper::wait_ready() { keeper_->wait_for(fmt::format("ready {}\n", starts_)); }

void LocalHelper::crash() {
  guest_->must(fmt::format("kill -USR1 {}", keeper_->pid()));
  ++starts_;
  if (options_.kills == 0) wait_ready();
}

void LocalHelper::crash_into(const std::string& config) {
  configure(config);
  crash();
}

bool LocalHelper::kills_done() {
  return log().find(fmt::format("ready {}\n", options_.kills + 1)) != std::string::npos;
}

int LocalHelper::stop() { return keeper_->stop().status; }

// It dies with its keeper.
void LocalHelper::vanish() { keeper_->stop("KILL"); }

void LocalHelper::signal(const std::string& name) {
  guest_->must(fmt::format("kill -{0} $(cat /proc/{1}/task/{1}/children)", name, keeper_->pid()));
}

Output LocalHelper::ask(const std::string& command) {
  return guest_->must(fmt::format("stratosctl --socket {} {}", control(), command));
}

}  // namespace stratos::guest
