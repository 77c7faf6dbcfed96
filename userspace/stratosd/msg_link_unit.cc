// SPDX-License-Identifier: Apache-2.0
#include "stratosd/link_unit.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "links/shm/uio.h"

namespace stratos::daemon {
namespace {

// A predecessor that was killed leaves its seat within milliseconds, and guests wait.
constexpr links::HubPeer::Timing kHubTiming{.retry = std::chrono::milliseconds(100)};

links::ShmLink::Options options_of(const LinkConfig& config) {
  links::ShmLink::Options options;
  options.link.layout = config.layout_l1 ? virtio::WireLayout::kL1 : virtio::WireLayout::kL2;
  options.link.ring_features =
      virtio::kFeatureEventIdx | (config.packed ? virtio::kFeatureRingPacked : 0);
  return options;
}

}  // namespace

LinkUnit::LinkUnit(runtime::Loop& loop, const LinkConfig& config)
    : config_(config),
      events_(config.name),
      log_(config.name),
      link_(loop, config.name, events_, options_of(config)) {}

std::expected<std::unique_ptr<LinkUnit>, std::string> LinkUnit::open(runtime::Loop& loop,
                                                                     const LinkConfig& config) {
  std::unique_ptr<LinkUnit> unit(new LinkUnit(loop, config));
  if (config.type == LinkType::kShm) {
    unit->hub_ = std::make_unique<links::HubPeer>(
        loop, config.socket,
        links::HubPeer::Listener{
            .on_attached =
                [self = unit.get()](std::unique_ptr<links::Attachment> attachment) {
                  self->on_attached(std::move(attachment));
                }},
        kHubTiming);
    return unit;
  }
  const auto node = links::find_uio(config.device);
  if (!node) return std::unexpected(fmt::format("link {}: {}", config.name, node.error()));
  auto attachment = links::open_uio(*node);
  if (!attachment) {
    return std::unexpected(fmt::format("link {}: {}", config.name, attachment.error()));
  }
  unit->first_ = std::move(*attachment);
  return unit;
}

std::expected<void, std::string> LinkUnit::add_device(const DeviceConfig& config,
                                                      HostedDevice& device) {
  events_.name_device(config.number, config.name);
  const auto added = link_.add_device(config.number, device.model(), config.memory);
  if (added) return {};
  return std::unexpected(
      fmt::format("device {} on link {}: {}", config.name, config.link, to_string(added.error())));
}

std::expected<void, std::string> LinkUnit::serve() {
  serving_ = true;
  const auto attached = link_.attach(std::move(first_));
  if (attached) return {};
  return std::unexpected(fmt::format("link {}: {}", config_.name, attached.error()));
}

// Later attachments are those of a hub that was restarted.
void LinkUnit::on_attached(std::unique_ptr<links::Attachment> attachment) {
  if (!serving_) {
    first_ = std::move(attachment);
    return;
  }
  const auto attached = link_.attach(std::move(attachment));
  if (!attached) log_.error("{}", attached.error());
}

}  // namespace stratos::daemon
