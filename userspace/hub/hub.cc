// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/region.h"
#include "ivshmem/protocol.h"

namespace stratos::hub {
namespace {

std::expected<std::unique_ptr<Seat>, std::string> claim_seat(runtime::Loop& loop,
                                                             const LinkConfig& link,
                                                             const std::string& path,
                                                             const char* side, uint16_t peer) {
  auto claim = runtime::SocketClaim::claim(path);
  if (!claim) return std::unexpected(std::move(claim.error()));
  return Seat::create(loop, fmt::format("{} {} seat", link.name, side), std::move(*claim), peer,
                      link.vectors);
}

}  // namespace

std::expected<std::unique_ptr<Hub>, std::string> Hub::start(runtime::Loop& loop,
                                                            const Config& config) {
  auto hub = std::make_unique<Hub>();
  hub->links_.reserve(config.links.size());
  for (const LinkConfig& link : config.links) {
    auto device = claim_seat(loop, link, link.device_socket, "device", ivshmem::kDevicePeer);
    if (!device) return std::unexpected(std::move(device.error()));
    auto driver = claim_seat(loop, link, link.driver_socket, "driver", ivshmem::kDriverPeer);
    if (!driver) return std::unexpected(std::move(driver.error()));
    auto memory = create_region(link.name, link.size);
    if (!memory) return std::unexpected(std::move(memory.error()));
    hub->links_.push_back({std::move(*memory), std::move(*device), std::move(*driver)});
  }
  for (size_t i = 0; i < config.links.size(); ++i) {
    const LinkConfig& wanted = config.links[i];
    const Link& link = hub->links_[i];
    const std::pair<Seat*, Seat*> sides[] = {{link.device.get(), link.driver.get()},
                                             {link.driver.get(), link.device.get()}};
    for (const auto& [seat, other] : sides) {
      auto opened = seat->open({link.memory.get(), other}, wanted.owner, wanted.group, wanted.mode);
      if (!opened) return std::unexpected(std::move(opened.error()));
    }
  }
  return hub;
}

size_t Hub::complete_links() const {
  return static_cast<size_t>(std::ranges::count_if(
      links_, [](const Link& link) { return link.device->taken() && link.driver->taken(); }));
}

}  // namespace stratos::hub
