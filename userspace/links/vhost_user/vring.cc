// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/vring.h"

#include <utility>

namespace stratos::links::vhost_user {
namespace {

Vring::Result set_bell(runtime::Loop& loop, runtime::UniqueFd fd,
                       std::optional<runtime::EventFdRinger>& ringer) {
  ringer.reset();
  if (!fd) return {};
  auto bell = runtime::EventFd::adopt(std::move(fd));
  if (!bell) return std::unexpected("a bell that is no eventfd");
  ringer.emplace(loop, std::move(*bell));
  return {};
}

bool ring(std::optional<runtime::EventFdRinger>& ringer) {
  if (ringer) ringer->ring();
  return ringer.has_value();
}

}  // namespace

Vring::Result Vring::set_kick(runtime::Loop& loop, runtime::UniqueFd fd,
                              std::function<void()> on_kick) {
  watch_.reset();
  kick_.reset();
  if (!fd) return {};
  auto bell = runtime::EventFd::adopt(std::move(fd));
  if (!bell) return std::unexpected("a bell that is no eventfd");
  kick_.emplace(std::move(*bell));
  watch_.emplace(loop, *kick_, std::move(on_kick));
  return {};
}

Vring::Result Vring::set_call(runtime::Loop& loop, runtime::UniqueFd fd) {
  return set_bell(loop, std::move(fd), call_);
}

Vring::Result Vring::set_error(runtime::Loop& loop, runtime::UniqueFd fd) {
  return set_bell(loop, std::move(fd), error_);
}

bool Vring::call() { return ring(call_); }

bool Vring::signal_error() { return ring(error_); }

void Vring::stop() {
  started_ = false;
  watch_.reset();
  kick_.reset();
  call_.reset();
}

void Vring::reset() {
  stop();
  error_.reset();
  size_ = 0;
  address_.reset();
  position_ = {};
  enabled_ = false;
}

std::optional<virtio::QueueSetup> Vring::setup(const MemoryTable& memory) const {
  const auto desc = memory.guest_address(address_->desc);
  const auto avail = memory.guest_address(address_->avail);
  const auto used = memory.guest_address(address_->used);
  if (!desc || !avail || !used) return std::nullopt;
  virtio::QueueSetup setup;
  setup.size = size_;
  setup.desc = *desc;
  setup.driver = *avail;
  setup.device = *used;
  setup.begin = position_;
  return setup;
}

}  // namespace stratos::links::vhost_user
