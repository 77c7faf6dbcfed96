// SPDX-License-Identifier: Apache-2.0
// The configuration, alive: hosts, devices and links in one loop.

#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "runtime/loop.h"
#include "runtime/signals.h"
#include "runtime/socket_claim.h"
#include "stratosd/can_buses.h"
#include "stratosd/config.h"
#include "stratosd/control_server.h"
#include "stratosd/hosted_device.h"
#include "stratosd/identity.h"
#include "stratosd/link_unit.h"

namespace stratos::daemon {

// One thread creates it and runs it.
class Daemon {
 public:
  // `config` was checked.
  explicit Daemon(Config config) : config_(std::move(config)) {}
  // Leaves all links to a successor: the guests see a pause and nothing else.
  ~Daemon();

  // Opens everything that the configuration names, gives up what rights it can, and
  // serves until SIGTERM or SIGINT. On an error, which is one line, no guest has seen
  // anything of it. A link whose memory cannot be used is left out if there is another.
  std::expected<void, std::string> run();

 private:
  std::expected<void, std::string> start_loop();
  std::expected<void, std::string> find_identity();
  std::expected<void, std::string> open_hosts();
  std::expected<void, std::string> open_links();
  std::expected<void, std::string> wait_for_links();
  std::expected<void, std::string> open_link_sockets();
  std::expected<void, std::string> open_control_socket();
  std::expected<void, std::string> enter_sandbox();
  std::expected<void, std::string> begin_devices();
  std::expected<void, std::string> serve_links();
  nlohmann::ordered_json answer(control::ControlOp op) const;

  // Destroyed in the reverse order: links before the devices that they serve, those
  // before the hosts that they stand on, everything before the loop.
  Config config_;
  std::unique_ptr<runtime::Loop> loop_;
  std::unique_ptr<runtime::Signals> signals_;
  bool stop_wanted_ = false;
  size_t served_links_ = 0;
  uint64_t started_at_ = 0;
  Identity identity_;
  CanBuses can_buses_;
  std::vector<std::unique_ptr<HostedDevice>> devices_;
  std::vector<std::unique_ptr<LinkUnit>> links_;
  std::vector<std::string> sockets_;  // that we listen on
  std::unique_ptr<runtime::SocketClaim> claim_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace stratos::daemon
