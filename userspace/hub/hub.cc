// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "hub/kept_link.h"
#include "hub/region.h"
#include "ivshmem/protocol.h"
#include "runtime/event_fd.h"
#include "runtime/kept_fds.h"
#include "runtime/socket_claim.h"

namespace stratos::hub {
namespace {

using runtime::EventFd;
using runtime::SocketClaim;

std::expected<std::vector<EventFd>, std::string> create_bells(const LinkConfig& link) {
  std::vector<EventFd> bells;
  for (uint16_t i = 0; i < link.vectors; ++i) {
    auto bell = EventFd::create();
    if (!bell) {
      return std::unexpected(
          fmt::format("link {}: cannot create a doorbell: {}", link.name, bell.error().message()));
    }
    bells.push_back(std::move(*bell));
  }
  return bells;
}

std::expected<LinkParts, std::string> create_link(const LinkConfig& link) {
  auto memory = create_region(link.name, link.size);
  if (!memory) return std::unexpected(std::move(memory.error()));
  auto device = create_bells(link);
  if (!device) return std::unexpected(std::move(device.error()));
  auto driver = create_bells(link);
  if (!driver) return std::unexpected(std::move(driver.error()));
  return LinkParts{.memory = std::move(*memory),
                   .device = {.bells = std::move(*device), .client = {}},
                   .driver = {.bells = std::move(*driver), .client = {}}};
}

}  // namespace

std::expected<std::unique_ptr<Hub>, std::string> Hub::start(runtime::Loop& loop,
                                                            const Config& config) {
  auto hub = std::make_unique<Hub>();
  hub->links_.reserve(config.links.size());
  for (const LinkConfig& link : config.links) {
    auto added = hub->add(loop, link);
    if (!added) return std::unexpected(std::move(added.error()));
  }
  runtime::forget_untaken_fds();  // of links that the configuration names no more
  for (size_t i = 0; i < config.links.size(); ++i) {
    const LinkConfig& wanted = config.links[i];
    const Link& link = hub->links_[i];
    const std::pair<Seat*, Seat*> sides[] = {{link.device.get(), link.driver.get()},
                                             {link.driver.get(), link.device.get()}};
    for (const auto& [seat, other] : sides) {
      auto opened = seat->open({link.memory.get(), other}, wanted.owner, wanted.group, wanted.mode);
      if (!opened) return std::unexpected(std::move(opened.error()));
    }
    // Before anybody has got any of it.
    if (!link.kept) {
      keep_link(wanted.name, link.memory.get(), link.device->bells(), link.driver->bells());
    }
  }
  return hub;
}

std::expected<void, std::string> Hub::add(runtime::Loop& loop, const LinkConfig& link) {
  auto device = SocketClaim::claim(link.device_socket);
  if (!device) return std::unexpected(std::move(device.error()));
  auto driver = SocketClaim::claim(link.driver_socket);
  if (!driver) return std::unexpected(std::move(driver.error()));
  std::optional<LinkParts> parts = take_kept_link(link);
  const bool kept = parts.has_value();
  if (!kept) {
    auto created = create_link(link);
    if (!created) return std::unexpected(std::move(created.error()));
    parts = std::move(*created);
  }
  links_.push_back(
      {.memory = std::move(parts->memory),
       .device = std::make_unique<Seat>(loop, SeatName{link.name, "device"}, std::move(*device),
                                        ivshmem::kDevicePeer, std::move(parts->device)),
       .driver = std::make_unique<Seat>(loop, SeatName{link.name, "driver"}, std::move(*driver),
                                        ivshmem::kDriverPeer, std::move(parts->driver)),
       .kept = kept});
  return {};
}

size_t Hub::complete_links() const {
  return static_cast<size_t>(std::ranges::count_if(
      links_, [](const Link& link) { return link.device->taken() && link.driver->taken(); }));
}

}  // namespace stratos::hub
