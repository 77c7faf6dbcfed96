// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/backend_channel.h"

#include <poll.h>

#include <array>
#include <bit>
#include <utility>

#include "links/vhost_user/message_stream.h"

namespace stratos::links::vhost_user {

BackendChannel::BackendChannel(runtime::Loop& loop, runtime::UniqueFd socket)
    : socket_(std::move(socket)), watch_(loop, socket_.get(), POLLOUT, [this](int32_t result) {
        if (result > 0) flush();
      }) {}

void BackendChannel::config_changed() {
  config_ = true;
  flush();
}

void BackendChannel::call(uint16_t queue) {
  calls_ |= uint32_t{1} << queue;
  flush();
}

void BackendChannel::signal_error(uint16_t queue) {
  errors_ |= uint32_t{1} << queue;
  flush();
}

bool BackendChannel::send(BackendRequest request, Payload payload) {
  const Header header{.request = static_cast<uint32_t>(request),
                      .size = static_cast<uint32_t>(payload.size())};
  return send_message(socket_.get(), header, payload);
}

bool BackendChannel::send_queues(BackendRequest request, uint32_t& queues) {
  while (queues != 0) {
    std::array<std::byte, sizeof(VringState)> payload{};
    encode_vring_state(payload, {.index = static_cast<uint32_t>(std::countr_zero(queues))});
    if (!send(request, payload)) return false;
    queues &= queues - 1;
  }
  return true;
}

void BackendChannel::flush() {
  if (!send_queues(BackendRequest::kVringCall, calls_)) return;
  if (!send_queues(BackendRequest::kVringErr, errors_)) return;
  if (config_ && send(BackendRequest::kConfigChange, {})) config_ = false;
}

}  // namespace stratos::links::vhost_user
