// SPDX-License-Identifier: Apache-2.0
#include "hub_process.h"

#include <fmt/core.h>

namespace stratos::bench {

HubProcess::HubProcess(const std::string& scratch, const std::string& link)
    : device_socket_(fmt::format("{}/{}-device", scratch, link)),
      driver_socket_(fmt::format("{}/{}-driver", scratch, link)),
      program_({STRATOS_HUB, "--link",
                fmt::format("name={},size=4M,driver-socket={},device-socket={}", link,
                            driver_socket_, device_socket_)}) {
  Program::wait_for_path(device_socket_);
  Program::wait_for_path(driver_socket_);
}

}  // namespace stratos::bench
