// SPDX-License-Identifier: Apache-2.0
// What stratosd.toml says; Documentation/configuration.rst explains each key.

#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/control_protocol.h"
#include "runtime/afterlife.h"
#include "stratosd/device_plan.h"
#include "stratosd/link_plan.h"

namespace stratos::daemon {

enum class BusType : uint8_t { kSocketcan, kVirtual };
enum class Sandbox : uint8_t { kKill, kLog, kOff };

struct DaemonConfig {
  std::string control_socket = control::kDefaultControlSocket;
  std::chrono::microseconds poll_time{50};
  std::chrono::milliseconds hub_timeout = runtime::kAfterlife;  // for the seats, at the start
  std::string log_level = "info";
  std::string user;   // empty: stay who we are
  std::string group;  // empty: the user's own
  Sandbox sandbox = Sandbox::kKill;
};

struct LinkConfig {
  std::string name;
  std::string type;
  std::unique_ptr<LinkPlan> plan;  // what only this type of link has
  unsigned line = 0;
};

struct BusConfig {
  std::string name;
  BusType type = BusType::kVirtual;
  std::string interface;  // kSocketcan
  // kVirtual: bit/s; 0: frames take no time
  uint32_t bitrate = 0;
  uint32_t data_bitrate = 0;  // of the data phase of FD frames; 0: as bitrate
  // kVirtual: how long all wait for one that takes no frames
  std::chrono::milliseconds overload{100};
  // kVirtual: candump logs; empty for none
  std::string replay;
  uint32_t replay_rounds = 1;  // 0: for ever
  std::string record;
  unsigned line = 0;
};

struct DeviceConfig {
  std::string name;
  std::string type;
  std::string link;
  uint16_t number = 0;
  uint64_t memory = 0;               // bytes of the device's memory in the link's pool
  std::unique_ptr<DevicePlan> plan;  // what only this type of device has
  unsigned line = 0;
};

struct Config {
  DaemonConfig daemon;
  std::vector<LinkConfig> links;
  std::vector<BusConfig> buses;
  std::vector<DeviceConfig> devices;

  const LinkConfig* link(std::string_view name) const;
  const BusConfig* bus(std::string_view name) const;
};

// Reads and checks a configuration. The error is a list of lines
// "file:line: key: what is wrong and what to do".
std::expected<Config, std::vector<std::string>> parse_config(std::string_view text,
                                                             const std::string& file);
std::expected<Config, std::vector<std::string>> load_config(const std::string& file);

}  // namespace stratos::daemon
