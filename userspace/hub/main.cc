// SPDX-License-Identifier: Apache-2.0
// stratos-hub: see --help, and Documentation for the whole story.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hub/command_line.h"
#include "hub/config.h"
#include "hub/hub.h"
#include "hub/sandbox.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/sandbox.h"
#include "runtime/service_manager.h"
#include "runtime/signals.h"

namespace stratos::hub {
namespace {

// Each link takes some ten descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> socket_directories(const Config& config) {
  std::vector<std::string> directories;
  for (const LinkConfig& link : config.links) {
    for (const std::string& path : {link.driver_socket, link.device_socket}) {
      const std::string parent = std::filesystem::path(path).parent_path();
      directories.push_back(parent.empty() ? "." : parent);
    }
  }
  std::ranges::sort(directories);
  directories.erase(std::ranges::unique(directories).begin(), directories.end());
  return directories;
}

int fail(const std::string& line) {
  fmt::print(stderr, "stratos-hub: {}\n", line);
  return 1;
}

int serve(const Config& config, bool sandboxed) {
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  auto loop = runtime::Loop::create({.allowed_operations = ring_operations()});
  if (!loop) return fail(loop.error());
  // Before the first socket exists: from here on the way out unlinks them.
  auto signals =
      runtime::Signals::watch(**loop, {SIGTERM, SIGINT}, [&loop](int) { (*loop)->stop(); });
  if (!signals) return fail("cannot watch signals: " + signals.error().message());
  auto hub = Hub::start(**loop, config);
  if (!hub) return fail(hub.error());

  runtime::Log log("stratos-hub");
  std::string sandbox = "no sandbox";
  if (sandboxed) {
    const std::vector<std::string> directories = socket_directories(config);
    auto entered =
        runtime::enter_sandbox({.system_calls = system_calls(), .unlink_in = directories});
    if (!entered) return fail(entered.error());
    sandbox = std::move(*entered);
  }
  const runtime::ServiceManager manager(**loop);
  log.info("serving {} link(s); {}", (*hub)->links(), sandbox);
  (*loop)->run();
  log.info("stopped");
  return 0;
}

int run(const CommandLine& line) {
  runtime::set_log_level(line.verbose ? runtime::LogLevel::kDebug : runtime::LogLevel::kInfo);
  const ConfigResult config =
      line.links.empty() ? load_config(line.config) : parse_link_options(line.links);
  if (!config) {
    for (const std::string& error : config.error()) fmt::print(stderr, "{}\n", error);
    return 1;
  }
  if (line.check) {
    fmt::print("{} link(s), no error\n", config->links.size());
    return 0;
  }
  return serve(*config, line.sandbox);
}

}  // namespace
}  // namespace stratos::hub

int main(int argc, char** argv) {
  stratos::hub::CommandLine line;
  if (const auto status = stratos::hub::parse_command_line(argc, argv, line)) return *status;
  return stratos::hub::run(line);
}
