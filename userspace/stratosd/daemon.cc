// SPDX-License-Identifier: Apache-2.0
#include "stratosd/daemon.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/kept_fds.h"
#include "runtime/log.h"
#include "runtime/service_manager.h"
#include "runtime/timer.h"
#include "stratosd/hosts.h"
#include "stratosd/report.h"
#include "stratosd/sandbox.h"

namespace stratos::daemon {
namespace {

using Result = std::expected<void, std::string>;

constexpr mode_t kControlMode = 0660;

runtime::LogLevel log_level(std::string_view word) {
  if (word == "debug") return runtime::LogLevel::kDebug;
  if (word == "warn") return runtime::LogLevel::kWarning;
  return word == "error" ? runtime::LogLevel::kError : runtime::LogLevel::kInfo;
}

}  // namespace

Daemon::~Daemon() = default;

Result Daemon::start_loop() {
  runtime::set_log_level(log_level(config_.daemon.log_level));
  std::signal(SIGPIPE, SIG_IGN);
  auto loop = runtime::Loop::create(
      {.poll_time = config_.daemon.poll_time, .allowed_operations = ring_operations()});
  if (!loop) return std::unexpected(std::move(loop.error()));
  loop_ = std::move(*loop);
  started_at_ = loop_->now();
  auto signals = runtime::Signals::watch(*loop_, {SIGTERM, SIGINT}, [this](int) {
    stop_wanted_ = true;
    loop_->stop();
  });
  if (!signals) {
    return std::unexpected(fmt::format("cannot watch signals: {}", signals.error().message()));
  }
  signals_ = std::move(*signals);
  return {};
}

Result Daemon::find_identity() {
  auto identity = Identity::find(config_.daemon.user, config_.daemon.group);
  if (!identity) return std::unexpected(std::move(identity.error()));
  identity_ = std::move(*identity);
  return {};
}

Result Daemon::open_hosts() {
  auto buses = CanBuses::open(*loop_, config_.buses);
  if (!buses) return std::unexpected(std::move(buses.error()));
  can_buses_ = std::move(*buses);
  Hosts hosts{*loop_, can_buses_};
  for (const DeviceConfig& config : config_.devices) {
    auto device = config.plan->build(config, hosts);
    if (!device) {
      return std::unexpected(fmt::format("device {}: {}", config.name, device.error()));
    }
    devices_.push_back(std::move(*device));
  }
  return {};
}

Result Daemon::open_links() {
  for (const LinkConfig& config : config_.links) {
    auto unit = config.plan->open(*loop_, config);
    if (!unit) return std::unexpected(std::move(unit.error()));
    links_.push_back(std::move(*unit));
  }
  runtime::forget_untaken_fds();  // of links that the configuration names no more
  for (size_t i = 0; i < devices_.size(); ++i) {
    const DeviceConfig& config = config_.devices[i];
    const auto unit = std::ranges::find_if(
        links_, [&](const auto& candidate) { return candidate->config().name == config.link; });
    if (auto added = (*unit)->add_device(config, *devices_[i]); !added) return added;
  }
  return {};
}

// A predecessor that was killed may hold its seats for a moment, and a hub that is
// started together with us may come a moment later.
Result Daemon::wait_for_links() {
  bool late = false;
  runtime::Timer deadline(*loop_, [&] { late = true; });
  deadline.start_once(config_.daemon.hub_timeout);
  for (;;) {
    const auto missing = std::ranges::find_if(
        links_, [](const auto& candidate) { return !candidate->awaited().empty(); });
    if (missing == links_.end() || stop_wanted_) return {};
    if (late) {
      return std::unexpected(fmt::format("link {}: {} (waited for {} ms)",
                                         (*missing)->config().name, (*missing)->awaited(),
                                         config_.daemon.hub_timeout.count()));
    }
    loop_->turn(true);
  }
}

Result Daemon::open_link_sockets() {
  for (const auto& unit : links_) {
    auto socket = unit->open_socket(identity_);
    if (!socket) {
      return std::unexpected(fmt::format("link {}: {}", unit->config().name, socket.error()));
    }
    if (!socket->empty()) sockets_.push_back(std::move(*socket));
  }
  return {};
}

Result Daemon::open_control_socket() {
  auto claim = runtime::SocketClaim::claim(config_.daemon.control_socket);
  if (!claim) return std::unexpected(std::move(claim.error()));
  claim_ = std::make_unique<runtime::SocketClaim>(std::move(*claim));
  auto listener = claim_->listen(identity_.user(), identity_.group(), kControlMode);
  if (!listener) return std::unexpected(std::move(listener.error()));
  sockets_.push_back(claim_->path());
  control_ = std::make_unique<ControlServer>(*loop_, std::move(*listener), ControlServer::Limits(),
                                             [this](control::ControlOp op) { return answer(op); });
  return {};
}

Result Daemon::enter_sandbox() {
  const auto in_force = give_up_rights(config_.daemon, identity_, sockets_);
  if (!in_force) return std::unexpected(in_force.error());
  runtime::Log("stratosd").info("{}", *in_force);
  return {};
}

Result Daemon::begin_devices() {
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (auto begun = devices_[i]->begin(); !begun) {
      return std::unexpected(fmt::format("device {}: {}", config_.devices[i].name, begun.error()));
    }
  }
  return {};
}

// A guest can write to all of its region, so memory that makes no sense is that guest's
// affair as long as there is another one to serve.
Result Daemon::serve_links() {
  std::vector<std::string> errors;
  for (const auto& unit : links_) {
    if (auto served = unit->serve(); !served) errors.push_back(std::move(served.error()));
  }
  served_links_ = links_.size() - errors.size();
  if (!errors.empty() && served_links_ == 0) return std::unexpected(std::move(errors.front()));
  for (const std::string& error : errors) runtime::Log("stratosd").error("{}; not served", error);
  can_buses_.begin();
  return {};
}

// Hosts come before links: then the loop serves them first in each turn, and a bus has
// delivered what a link is about to publish.
Result Daemon::run() {
  constexpr Result (Daemon::*kSteps[])() = {
      &Daemon::start_loop,          &Daemon::find_identity,  &Daemon::open_hosts,
      &Daemon::open_links,          &Daemon::wait_for_links, &Daemon::open_link_sockets,
      &Daemon::open_control_socket, &Daemon::enter_sandbox,  &Daemon::begin_devices,
      &Daemon::serve_links,
  };
  for (const auto step : kSteps) {
    if (auto done = (this->*step)(); !done || stop_wanted_) return done;
  }
  const runtime::ServiceManager manager(*loop_);
  const std::string status =
      fmt::format("serving {} link(s), {} device(s)", served_links_, devices_.size());
  sd_notifyf(0, "STATUS=%s", status.c_str());
  runtime::Log log("stratosd");
  log.info("{}", status);
  loop_->run();
  log.info("stopped; the links are left to a successor");
  return {};
}

nlohmann::ordered_json Daemon::answer(control::ControlOp op) const {
  return report(op, {config_, *loop_, started_at_, can_buses_, links_, devices_});
}

}  // namespace stratos::daemon
