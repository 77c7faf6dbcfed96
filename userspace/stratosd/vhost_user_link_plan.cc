// SPDX-License-Identifier: Apache-2.0
#include "stratosd/vhost_user_link_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "config/errors.h"
#include "config/table_reader.h"
#include "links/vhost_user/vhost_user_link.h"
#include "runtime/socket_claim.h"
#include "stratosd/event_log.h"
#include "stratosd/link_unit.h"

namespace stratos::daemon {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kModes[] = {"server", "client"};
constexpr std::string_view kRings[] = {"split", "packed"};

constexpr mode_t kSocketMode = 0660;

struct VhostUserOptions {
  std::string socket;
  bool server = true;
  bool packed = false;
  std::string state;  // a file; empty: none
};

class VhostUserUnit final : public LinkUnit {
 public:
  VhostUserUnit(runtime::Loop& loop, const LinkConfig& config, const VhostUserOptions& options,
                std::optional<runtime::SocketClaim> claim)
      : LinkUnit(config),
        loop_(loop),
        options_(options),
        events_(config.name),
        claim_(std::move(claim)) {}

  std::expected<void, std::string> add_device(const DeviceConfig& config,
                                              HostedDevice& device) override;
  std::expected<std::string, std::string> open_socket(const Identity& identity) override;
  std::expected<void, std::string> serve() override;

  const virtio::Instance* instance(uint16_t number) const override {
    return link_ && number == 0 ? &link_->instance() : nullptr;
  }
  ordered_json status() const override;
  ordered_json stats() const override;

 private:
  const char* state() const { return link_ && link_->connected() ? "connected" : "waiting"; }

  runtime::Loop& loop_;
  const VhostUserOptions& options_;
  EventLog events_;
  std::optional<runtime::SocketClaim> claim_;
  runtime::UniqueFd listener_;  // until serve()
  std::unique_ptr<links::VhostUserLink> link_;
};

std::expected<void, std::string> VhostUserUnit::add_device(const DeviceConfig& config,
                                                           HostedDevice& device) {
  events_.name_device(config.number, config.name);
  links::VhostUserLink::Options options;
  if (options_.packed) options.ring_features |= virtio::kFeatureRingPacked;
  options.state_file = options_.state;
  auto link = links::VhostUserLink::create(loop_, config.link, events_, device.model(), options);
  if (!link) {
    return std::unexpected(
        fmt::format("device {} on link {}: {}", config.name, config.link, link.error()));
  }
  link_ = std::move(*link);
  return {};
}

std::expected<std::string, std::string> VhostUserUnit::open_socket(const Identity& identity) {
  if (!claim_) return std::string();
  auto listener = claim_->listen(identity.user(), identity.group(), kSocketMode);
  if (!listener) return std::unexpected(std::move(listener.error()));
  listener_ = std::move(*listener);
  return options_.socket;
}

std::expected<void, std::string> VhostUserUnit::serve() {
  if (options_.server) {
    link_->listen(std::move(listener_));
  } else {
    link_->connect_to(options_.socket);
  }
  return {};
}

ordered_json VhostUserUnit::status() const { return {{"state", state()}}; }

ordered_json VhostUserUnit::stats() const {
  const links::VhostUserLink::Counters c = link_->counters();
  return {{"state", state()},           {"front_ends", c.front_ends}, {"sent_away", c.sent_away},
          {"thrown_out", c.thrown_out}, {"messages", c.messages},     {"refused", c.refused}};
}

class VhostUserPlan final : public LinkPlan {
 public:
  explicit VhostUserPlan(config::TableReader& reader) {
    options_.socket = reader.socket_path("socket", std::nullopt,
                                         "write the path of the socket where front-end and "
                                         "stratosd meet");
    options_.server = reader.choice("mode", "server", kModes) == "server";
    options_.packed = reader.choice("ring", "split", kRings) == "packed";
    // The directory of somebody else's socket need not be ours to write to.
    options_.state = reader.optional("state", options_.server ? options_.socket + ".state" : "");
  }

  OwnedPath endpoint() const override { return {"socket", options_.socket}; }
  ordered_json options() const override {
    return {{"mode", options_.server ? "server" : "client"},
            {"ring", options_.packed ? "packed" : "split"},
            {"state", options_.state}};
  }
  void check(const LinkConfig& link, const Config& config, config::Errors& errors) const override;
  std::expected<std::unique_ptr<LinkUnit>, std::string> open(runtime::Loop& loop,
                                                             const LinkConfig& link) const override;

 private:
  VhostUserOptions options_;
};

// A front-end speaks with one device, which has no number.
void VhostUserPlan::check(const LinkConfig& link, const Config& config,
                          config::Errors& errors) const {
  const auto count = std::ranges::count(config.devices, link.name, &DeviceConfig::link);
  if (count != 1) {
    errors.add(link.line, "link.type",
               fmt::format("a link of type \"vhost-user\" has one [[device]], and \"{}\" has {}; "
                           "give each device a link of its own",
                           link.name, count));
  }
  for (const DeviceConfig& device : config.devices) {
    if (device.link != link.name || device.number == 0) continue;
    errors.add(
        device.line, "device.number",
        fmt::format("{} means nothing on a link of type \"vhost-user\"; write 0", device.number));
  }
}

std::expected<std::unique_ptr<LinkUnit>, std::string> VhostUserPlan::open(
    runtime::Loop& loop, const LinkConfig& link) const {
  std::optional<runtime::SocketClaim> claim;
  if (options_.server) {
    auto claimed = runtime::SocketClaim::claim(options_.socket);
    if (!claimed) return std::unexpected(fmt::format("link {}: {}", link.name, claimed.error()));
    claim.emplace(std::move(*claimed));
  }
  return std::make_unique<VhostUserUnit>(loop, link, options_, std::move(claim));
}

}  // namespace

std::unique_ptr<LinkPlan> read_vhost_user_link_plan(config::TableReader& reader) {
  return std::make_unique<VhostUserPlan>(reader);
}

}  // namespace stratos::daemon
