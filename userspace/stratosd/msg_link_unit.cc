// SPDX-License-Identifier: Apache-2.0
#include "stratosd/msg_link_unit.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace stratos::daemon {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kLayouts[] = {"L2", "L1"};
constexpr std::string_view kRings[] = {"packed", "split"};
constexpr uint64_t kPeerTimeoutMs = 5000;
// A few heartbeats at least.
constexpr config::Range kPeerTimeoutRange{1000, 3'600'000};

links::ShmLink::Options link_options(const MsgLinkOptions& options) {
  links::ShmLink::Options result;
  result.link.layout = options.layout_l1 ? virtio::WireLayout::kL1 : virtio::WireLayout::kL2;
  result.link.dead_time =
      static_cast<virtio::Time>(std::chrono::nanoseconds(options.peer_timeout).count());
  result.link.ring_features =
      virtio::kFeatureEventIdx | (options.packed ? virtio::kFeatureRingPacked : 0);
  return result;
}

std::string_view name_of(virtio::LinkStatus status) {
  switch (status) {
    case virtio::LinkStatus::kInit:
      return "init";
    case virtio::LinkStatus::kReady:
      return "ready";
    case virtio::LinkStatus::kRun:
      return "run";
    case virtio::LinkStatus::kShutdown:
      return "shutdown";
    case virtio::LinkStatus::kPeerDead:
      return "peer-dead";
  }
  return "unknown";
}

std::string_view state_of(const virtio::MsgLink* link) {
  return link ? name_of(link->status()) : "detached";
}

}  // namespace

MsgLinkOptions read_msg_link_options(config::TableReader& reader) {
  return {.layout_l1 = reader.choice("layout", "L2", kLayouts) == "L1",
          .packed = reader.choice("ring", "packed", kRings) == "packed",
          .peer_timeout = std::chrono::milliseconds(
              reader.integer("peer_timeout_ms", kPeerTimeoutMs, kPeerTimeoutRange))};
}

ordered_json describe(const MsgLinkOptions& options) {
  return {{"layout", options.layout_l1 ? "L1" : "L2"},
          {"ring", options.packed ? "packed" : "split"},
          {"peer_timeout_ms", options.peer_timeout.count()}};
}

MsgLinkUnit::MsgLinkUnit(runtime::Loop& loop, const LinkConfig& config,
                         const MsgLinkOptions& options,
                         std::unique_ptr<links::Attachment> attachment)
    : LinkUnit(config),
      events_(config.name),
      log_(config.name),
      link_(loop, config.name, events_, link_options(options)),
      first_(std::move(attachment)) {}

std::expected<void, std::string> MsgLinkUnit::add_device(const DeviceConfig& config,
                                                         HostedDevice& device) {
  events_.name_device(config.number, config.name);
  const auto added = link_.add_device(config.number, device.model(), config.memory);
  if (added) return {};
  return std::unexpected(
      fmt::format("device {} on link {}: {}", config.name, config.link, to_string(added.error())));
}

std::expected<void, std::string> MsgLinkUnit::serve() {
  serving_ = true;
  const auto attached = link_.attach(std::move(first_));
  if (attached) return {};
  return std::unexpected(fmt::format("link {}: {}", config().name, attached.error()));
}

void MsgLinkUnit::take(std::unique_ptr<links::Attachment> attachment) {
  if (!serving_) {
    first_ = std::move(attachment);
    return;
  }
  const auto attached = link_.attach(std::move(attachment));
  if (!attached) log_.error("{}", attached.error());
}

const virtio::Instance* MsgLinkUnit::instance(uint16_t number) const {
  const virtio::MsgLink* link = link_.msg_link();
  return link ? link->instance(number) : nullptr;
}

ordered_json MsgLinkUnit::status() const {
  const virtio::MsgLink* link = link_.msg_link();
  ordered_json status{{"state", state_of(link)}};
  if (link) {
    status.update({{"epoch", link->epoch()},
                   {"peer_epoch", link->peer_epoch()},
                   {"peer_heartbeat", link->peer_heartbeat()}});
  }
  return status;
}

ordered_json MsgLinkUnit::stats() const {
  const virtio::MsgLink* link = link_.msg_link();
  ordered_json stats{{"state", state_of(link)}};
  if (!link) return stats;
  const virtio::LinkCounters& c = link->counters();
  stats.update({{"messages_received", c.messages_received},
                {"messages_sent", c.messages_sent},
                {"messages_malformed", c.messages_malformed},
                {"send_stalls", c.send_stalls},
                {"notifications_received", c.notifications_received},
                {"notifications_bogus", c.notifications_bogus},
                {"rings", c.rings},
                {"rings_saved", c.rings_saved},
                {"peer_restarts", c.peer_restarts},
                {"peer_deaths", c.peer_deaths},
                {"records_rejected", c.records_rejected}});
  return stats;
}

}  // namespace stratos::daemon
