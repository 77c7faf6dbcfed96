// SPDX-License-Identifier: Apache-2.0
#include "links/shm/hub_attachment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "ivshmem/protocol.h"

namespace stratos::links {

std::expected<std::unique_ptr<HubAttachment>, std::string> HubAttachment::create(
    const runtime::UniqueFd& memory, runtime::EventFd own_bell, runtime::EventFd peer_bell) {
  struct stat status {};
  if (fstat(memory.get(), &status) != 0) {
    return std::unexpected(fmt::format("no memory: {}", std::strerror(errno)));
  }
  const int seals = fcntl(memory.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return std::unexpected("the memory is not sealed: this is no stratos-hub");
  }
  auto mapping = runtime::Mapping::map(memory.get(), static_cast<size_t>(status.st_size));
  if (!mapping) {
    return std::unexpected(fmt::format("cannot map the memory: {}", mapping.error().message()));
  }
  return std::unique_ptr<HubAttachment>(
      new HubAttachment(std::move(*mapping), std::move(own_bell), std::move(peer_bell)));
}

HubAttachment::HubAttachment(runtime::Mapping mapping, runtime::EventFd own_bell,
                             runtime::EventFd peer_bell)
    : mapping_(std::move(mapping)),
      own_bell_(std::move(own_bell)),
      peer_bell_(std::move(peer_bell)) {}

uint32_t HubAttachment::doorbell() const {
  return ivshmem::doorbell_value(ivshmem::kDevicePeer, 0);
}

void HubAttachment::listen(runtime::Loop& loop, std::function<void()> callback) {
  watch_.emplace(loop, own_bell_, std::move(callback));
  ringer_.emplace(loop, std::move(peer_bell_));
}

void HubAttachment::ring(uint32_t /*value*/) {
  if (ringer_) ringer_->ring();
}

}  // namespace stratos::links
