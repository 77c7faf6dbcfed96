// SPDX-License-Identifier: Apache-2.0

#include "harness/helper.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "harness/error.h"
#include "harness/kernel.h"

namespace stratos::guest {

Helper::Helper(const Scratch& scratch, const std::string& config)
    : scratch_(scratch), control_(scratch.sockets() / "control") {
  start_with(config);
}

void Helper::start_with(const std::string& config) {
  config_ = scratch_.write("stratosd.toml", fmt::format("[stratosd]\ncontrol_socket = \"{}\"\n{}",
                                                        control_.string(), config));
  start();
}

void Helper::crash() {
  program().stop(SIGKILL);
  service_.reset();
}

void Helper::start() {
  service_.emplace(std::vector<std::string>{built_program("stratosd"), "--config", config_},
                   scratch_.logs() / "stratosd.log");
}

int Helper::stop() {
  const int status = program().stop();
  service_.reset();
  return status;
}

std::string Helper::ask(const std::string& command) const {
  const auto output = scratch_.logs() / "stratosctl.log";
  std::filesystem::remove(output);
  Program ctl({.argv = {built_program("stratosctl"), "--socket", control_, "--json", command},
               .log = output});
  const auto status = ctl.wait(in(std::chrono::seconds(10)));
  std::ifstream file(output);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (status != 0) throw HarnessError("stratosctl failed: " + text);
  return text;
}

}  // namespace stratos::guest
