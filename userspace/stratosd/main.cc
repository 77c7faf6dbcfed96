// SPDX-License-Identifier: Apache-2.0
// stratosd: serves the virtio devices that its configuration describes.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "stratosd/config.h"
#include "stratosd/daemon.h"

namespace {

// Exit codes; Documentation/configuration.rst tells them to the operator.
constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  std::string file = "/etc/stratos/stratosd.toml";
  bool check = false;
  CLI::App app{"Serves the virtio devices that its configuration describes."};
  app.set_version_flag("--version", STRATOS_VERSION);
  app.add_option("--config", file, "The configuration")->capture_default_str();
  app.add_flag("--check", check, "Check the configuration and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  auto config = stratos::daemon::load_config(file);
  if (!config) {
    for (const std::string& line : config.error()) fmt::print(stderr, "{}\n", line);
    return kExitUsage;
  }
  if (check) {
    fmt::print("{}: ok, {} links, {} devices\n", file, config->links.size(),
               config->devices.size());
    return kExitOk;
  }
  const auto served = stratos::daemon::Daemon(std::move(*config)).run();
  if (served) return kExitOk;
  fmt::print(stderr, "stratosd: {}\n", served.error());
  return kExitFailed;
}
