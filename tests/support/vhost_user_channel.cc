// SPDX-License-Identifier: Apache-2.0

#include "vhost_user_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runtime/fd_passing.h"

namespace stratos::test {

using runtime::UniqueFd;
using vhost_user::Header;
using vhost_user::Request;

namespace {

constexpr std::chrono::milliseconds kPatience{5000};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("vhost-user front-end: " + what);
}
[[noreturn]] void fail(Request request, const std::string& what) {
  fail("request " + std::to_string(static_cast<uint32_t>(request)) + " " + what);
}

}  // namespace

VhostUserChannel::VhostUserChannel(UniqueFd socket, Wait wait)
    : socket_(std::move(socket)), wait_(std::move(wait)) {}

bool VhostUserChannel::sleep(int socket, int16_t events) {
  pollfd waited{.fd = socket, .events = events, .revents = 0};
  return poll(&waited, 1, static_cast<int>(kPatience.count())) > 0;
}

VhostUserChannel VhostUserChannel::connect(const std::string& path, Wait wait) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail("a socket path that is too long: " + path);
  path.copy(address.sun_path, path.size());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return VhostUserChannel(std::move(socket), std::move(wait));
    if (std::chrono::steady_clock::now() >= deadline) fail("nobody listens at " + path);
    // Nothing tells when a socket begins to listen.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void VhostUserChannel::tell(Request request, std::span<const std::byte> payload,
                            std::span<const int> fds) {
  if (expects_acknowledgements_) {
    if (!acknowledged(request, payload, fds)) fail(request, "was refused");
  } else if (!send(request, payload, fds)) {
    fail(request, "cannot be sent");
  }
}

bool VhostUserChannel::acknowledged(Request request, std::span<const std::byte> payload,
                                    std::span<const int> fds) {
  if (!send(request, payload, fds, true)) fail(request, "cannot be sent");
  uint64_t refused = 0;
  copy_reply(reply_to(request), std::as_writable_bytes(std::span(&refused, 1)));
  return refused == 0;
}

VhostUserChannel::Reply VhostUserChannel::ask(Request request, std::span<const std::byte> payload,
                                              std::span<const int> fds) {
  if (!send(request, payload, fds)) fail(request, "cannot be sent");
  return reply_to(request);
}

uint64_t VhostUserChannel::ask_for_number(Request request) {
  uint64_t number = 0;
  copy_reply(ask(request), std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

bool VhostUserChannel::send(Request request, std::span<const std::byte> payload,
                            std::span<const int> fds, bool need_reply) {
  Header header{.request = static_cast<uint32_t>(request),
                .flags = vhost_user::kVersion | (need_reply ? vhost_user::kNeedReply : 0),
                .size = static_cast<uint32_t>(payload.size())};
  std::array<iovec, 2> parts{
      {{&header, sizeof header}, {const_cast<std::byte*>(payload.data()), payload.size()}}};
  std::vector<std::byte> control(CMSG_SPACE(fds.size_bytes()));
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  for (;;) {
    const ssize_t sent = sendmsg(socket(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent == static_cast<ssize_t>(sizeof header + payload.size());
    if (errno != EAGAIN || !wait_(socket(), POLLOUT)) return false;
  }
}

std::optional<VhostUserChannel::Reply> VhostUserChannel::receive() {
  Reply reply;
  Header& header = reply.header;
  if (!read_all(std::as_writable_bytes(std::span(&header, 1)), reply.fds)) return std::nullopt;
  if ((header.flags & vhost_user::kVersionMask) != vhost_user::kVersion ||
      (header.flags & vhost_user::kReply) == 0 || header.size > vhost_user::kMaxPayload)
    fail("no reply of this protocol came");
  reply.payload.resize(header.size);
  if (!read_all(reply.payload, reply.fds)) return std::nullopt;
  return reply;
}

bool VhostUserChannel::hung_up() { return wait_(socket(), POLLRDHUP); }

VhostUserChannel::Reply VhostUserChannel::reply_to(Request request) {
  auto reply = receive();
  if (!reply) fail(request, "was not answered");
  if (reply->header.request != static_cast<uint32_t>(request))
    fail(request, "was answered by something else");
  return std::move(*reply);
}

bool VhostUserChannel::read_all(std::span<std::byte> into, std::vector<UniqueFd>& fds) {
  while (!into.empty()) {
    const ssize_t got = runtime::receive_with_fds(socket(), into, fds).bytes;
    if (got > 0) {
      into = into.subspan(static_cast<size_t>(got));
    } else if (got == 0 || errno != EAGAIN || !wait_(socket(), POLLIN)) {
      return false;
    }
  }
  return true;
}

void VhostUserChannel::copy_reply(const Reply& reply, std::span<std::byte> into) {
  if (reply.payload.size() != into.size()) fail("a reply has the wrong size");
  std::memcpy(into.data(), reply.payload.data(), into.size());
}

}  // namespace stratos::test
