// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/front_end.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include "runtime/test_loop.h"
#include "virtio/features.h"

namespace stratos::links::vhost_user {
namespace {

constexpr size_t kBufferSize = 256;

test::vhost_user::Request on_wire(Request request) {
  return static_cast<test::vhost_user::Request>(request);
}

// The back-end has the same thread.
test::VhostUserChannel::Wait turning(runtime::Loop& loop) {
  return [&loop](int socket, int16_t events) {
    pollfd waited{.fd = socket, .events = events, .revents = 0};
    return runtime::turn_until(loop, [&] { return poll(&waited, 1, 0) > 0; });
  };
}

}  // namespace

FrontEnd::FrontEnd(runtime::Loop& loop, test::VhostUserChannel channel)
    : VhostUserSession(std::move(channel)),
      loop_(loop),
      watch_(loop, this->channel().socket(), POLLIN | POLLOUT | POLLRDHUP, [](int32_t) {}) {}

FrontEnd::FrontEnd(runtime::Loop& loop, const std::string& path)
    : FrontEnd(loop, test::VhostUserChannel::connect(path, turning(loop))) {}

FrontEnd::FrontEnd(runtime::Loop& loop, runtime::UniqueFd socket)
    : FrontEnd(loop, test::VhostUserChannel(std::move(socket), turning(loop))) {}

// ---- Messages ----

void FrontEnd::send(Request request, const Bytes& payload, const std::vector<int>& fds,
                    bool need_reply) {
  channel().send(on_wire(request), payload, fds, need_reply);
}

void FrontEnd::write(const Bytes& bytes) {
  EXPECT_EQ(::send(channel().socket(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

Reply FrontEnd::ask(Request request, const Bytes& payload, const std::vector<int>& fds) {
  return channel().ask(on_wire(request), payload, fds);
}

bool FrontEnd::acknowledged(Request request, const Bytes& payload, const std::vector<int>& fds) {
  return channel().acknowledged(on_wire(request), payload, fds);
}

// ---- What every front-end does ----

void FrontEnd::negotiate(uint64_t features, uint64_t protocol) {
  agree_on(features, protocol);
  accept_features();
}

void FrontEnd::describe_ring(uint16_t index, uint32_t base) {
  make_bells(index);
  call_watches_[index] =
      std::make_unique<runtime::FdWatch>(loop_, ring(index).call->fd(), POLLIN, [](int32_t) {});
  announce_ring(index, base);
}

uint32_t FrontEnd::first_base() const {
  return (features() & virtio::kFeatureRingPacked) != 0 ? 0x80008000 : 0;
}

void FrontEnd::come_up(GuestMemory& memory, uint64_t features, uint64_t protocol) {
  negotiate(features, protocol);
  share(memory);
  for (uint16_t index = 0; index < 2; ++index) {
    if (!ring(index).queue) make_ring(index);
  }
  start_rings({first_base(), first_base()});
}

void FrontEnd::start_rings(const std::vector<uint32_t>& bases) {
  for (uint16_t index = 0; index < bases.size(); ++index) describe_ring(index, bases[index]);
  for (uint16_t index = 0; index < bases.size(); ++index) {
    if (protocol_features() != 0) enable_ring(index);
  }
  if (has(bit_of(ProtocolFeature::kStatus))) set_status(0x0f);
  settle();
}

uint16_t FrontEnd::submit(const std::string& text) {
  uint64_t& buffer = buffers_[next_buffer_++ % buffers_.size()];
  if (buffer == 0) buffer = memory().driver().allocate(2 * kBufferSize);
  const auto size = static_cast<uint32_t>(text.size());
  std::memcpy(memory().driver().at(buffer), text.data(), text.size());
  const test::Buffer in{buffer, size}, out{buffer + kBufferSize, size};
  test::DriverQueue& queue = *ring(0).queue;
  const auto id = queue.add({&in, 1}, {&out, 1});
  if (!id) throw std::runtime_error("the ring is full");
  queue.publish();
  kick_if_needed(0);
  return *id;
}

std::optional<test::Used> FrontEnd::wait_used(uint16_t index) {
  std::optional<test::Used> used;
  runtime::turn_until(
      loop_, [&] { return (used = take_used(index)).has_value(); }, std::chrono::seconds(3));
  return used;
}

std::optional<test::Used> FrontEnd::take_used(uint16_t index) {
  test::DriverQueue& queue = *ring(index).queue;
  if (auto used = queue.get_used()) return used;
  return queue.enable_notifications() ? queue.get_used() : std::nullopt;
}

std::optional<std::string> FrontEnd::echo(const std::string& text) {
  const size_t place = next_buffer_ % buffers_.size();
  submit(text);
  const auto used = wait_used(0);
  if (!used) return std::nullopt;
  return std::string(
      reinterpret_cast<const char*>(memory().driver().at(buffers_[place] + kBufferSize)),
      used->length);
}

}  // namespace stratos::links::vhost_user
