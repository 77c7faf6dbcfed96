// SPDX-License-Identifier: Apache-2.0

#include "harness/hub.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>

#include "harness/error.h"
#include "harness/kernel.h"

namespace stratos::guest {

Hub::Hub(const Scratch& scratch, const std::vector<std::string>& links,
         const std::string& region_size)
    : sockets_(scratch.sockets()) {
  std::string config;
  for (const std::string& link : links) {
    config += fmt::format(
        "[[link]]\nname = \"{}\"\nsize = \"{}\"\ndriver_socket = \"{}\"\ndevice_socket = \"{}\"\n",
        link, region_size, driver_socket(link).string(), device_socket(link).string());
  }
  const auto file = scratch.write("hub.toml", config);
  service_ = std::make_unique<Service>(
      std::vector<std::string>{STRATOS_FD_KEEPER, built_program("stratos-hub"), "--config", file},
      scratch.logs() / "hub.log");
}

pid_t Hub::pid() const {
  const pid_t keeper = service_->program().pid();
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", keeper));
  pid_t hub = 0;
  if (!(children >> hub)) throw HarnessError("the hub is gone");
  return hub;
}

void Hub::crash() {
  // The keeper alone, not its group.
  kill(service_->program().pid(), SIGUSR1);
  service_->wait_ready();
}

std::filesystem::path Hub::driver_socket(const std::string& link) const {
  return sockets_ / (link + ".driver");
}

std::filesystem::path Hub::device_socket(const std::string& link) const {
  return sockets_ / (link + ".device");
}

}  // namespace stratos::guest
