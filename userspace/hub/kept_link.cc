// SPDX-License-Identifier: Apache-2.0
#include "hub/kept_link.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <utility>

#include "hub/region.h"
#include "runtime/kept_fds.h"
#include "runtime/log.h"

namespace stratos::hub {
namespace {

using runtime::EventFd;
using runtime::UniqueFd;

constexpr const char* kDevice = "device";
constexpr const char* kDriver = "driver";

// The last part says what it is, so that no two links share a name, whatever the dots
// in theirs.
std::string memory_name(const std::string& link) { return link + ".memory"; }

std::string bell_name(const SeatName& seat, size_t vector) {
  return fmt::format("{}.{}.bell.{}", seat.link, seat.side, vector);
}

std::string client_name(const SeatName& seat) {
  return fmt::format("{}.{}.client", seat.link, seat.side);
}

using KeptFds = std::map<std::string, UniqueFd>;

KeptFds take_all(const LinkConfig& link) {
  std::vector<std::string> names = {memory_name(link.name)};
  for (const char* side : {kDevice, kDriver}) {
    const SeatName seat{link.name, side};
    names.push_back(client_name(seat));
    for (uint16_t i = 0; i < link.vectors; ++i) names.push_back(bell_name(seat, i));
  }
  KeptFds kept;
  for (const std::string& name : names) {
    if (UniqueFd fd = runtime::take_kept_fd(name)) kept.emplace(name, std::move(fd));
  }
  return kept;
}

std::expected<SeatParts, std::string> take_seat(const SeatName& seat, uint16_t vectors,
                                                KeptFds& kept) {
  SeatParts parts;
  for (uint16_t i = 0; i < vectors; ++i) {
    auto bell = EventFd::adopt(std::move(kept[bell_name(seat, i)]));
    if (!bell) {
      return std::unexpected(fmt::format("doorbell {} of the {}'s seat is missing", i, seat.side));
    }
    parts.bells.push_back(std::move(*bell));
  }
  parts.client = std::move(kept[client_name(seat)]);
  return parts;
}

std::expected<LinkParts, std::string> assemble(const LinkConfig& link, KeptFds& kept) {
  LinkParts parts;
  parts.memory = std::move(kept[memory_name(link.name)]);
  if (auto good = check_region(parts.memory.get(), link.size); !good) {
    return std::unexpected(std::move(good.error()));
  }
  for (const auto& [side, seat] :
       {std::pair(kDevice, &parts.device), std::pair(kDriver, &parts.driver)}) {
    auto taken = take_seat({link.name, side}, link.vectors, kept);
    if (!taken) return std::unexpected(std::move(taken.error()));
    *seat = std::move(*taken);
  }
  return parts;
}

}  // namespace

std::optional<LinkParts> take_kept_link(const LinkConfig& link) {
  KeptFds kept = take_all(link);
  if (kept.empty()) return std::nullopt;
  runtime::Log log("link " + link.name);
  auto parts = assemble(link, kept);
  if (parts) {
    log.info("goes on with what was kept");
    return std::move(*parts);
  }
  log.warn("what was kept is of no use: {}; beginning anew", parts.error());
  for (const auto& [name, fd] : kept) runtime::forget_fd(name);
  return std::nullopt;
}

void keep_link(const std::string& link, int memory, const std::vector<EventFd>& device,
               const std::vector<EventFd>& driver) {
  runtime::keep_fd(memory_name(link), memory);
  for (const auto& [side, bells] : {std::pair(kDevice, &device), std::pair(kDriver, &driver)}) {
    for (size_t i = 0; i < bells->size(); ++i) {
      runtime::keep_fd(bell_name({link, side}, i), (*bells)[i].fd());
    }
  }
}

void keep_client(const SeatName& seat, int client) { runtime::keep_fd(client_name(seat), client); }

void forget_client(const SeatName& seat) { runtime::forget_fd(client_name(seat)); }

}  // namespace stratos::hub
