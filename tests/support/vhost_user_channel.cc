// SPDX-License-Identifier: Apache-2.0

#include "vhost_user_channel.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace stratos::test {

using runtime::UniqueFd;
using vhost_user::Header;
using vhost_user::Request;

namespace {

constexpr size_t kMaxFds = 8;
constexpr timeval kAnswerTime{.tv_sec = 5, .tv_usec = 0};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("vhost-user front-end: " + what);
}

void take_fds(msghdr& message, std::vector<UniqueFd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

VhostUserChannel::VhostUserChannel(UniqueFd socket) : socket_(std::move(socket)) {
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerTime, sizeof kAnswerTime);
}

VhostUserChannel VhostUserChannel::connect(const std::string& path,
                                           std::chrono::milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail("a socket path that is too long: " + path);
  path.copy(address.sun_path, path.size());
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return VhostUserChannel(std::move(socket));
    if (std::chrono::steady_clock::now() >= deadline) fail("nobody listens at " + path);
    // Nothing tells when a socket begins to listen.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void VhostUserChannel::tell(Request request, std::span<const std::byte> payload,
                            std::span<const int> fds) {
  const auto id = static_cast<uint32_t>(request);
  send(id, acknowledged_ ? vhost_user::kNeedReply : 0, payload, fds);
  if (!acknowledged_) return;
  Reply reply;
  if (receive(reply).request != id) fail("an acknowledgement of something else");
  uint64_t refused = 0;
  copy_reply(reply, std::as_writable_bytes(std::span(&refused, 1)));
  if (refused != 0) fail("request " + std::to_string(id) + " was refused");
}

VhostUserChannel::Reply VhostUserChannel::ask(Request request, std::span<const std::byte> payload) {
  const auto id = static_cast<uint32_t>(request);
  send(id, 0, payload, {});
  Reply reply;
  const Header header = receive(reply);
  if (header.request != id || (header.flags & vhost_user::kReply) == 0)
    fail("request " + std::to_string(id) + " was answered by something else");
  return reply;
}

uint64_t VhostUserChannel::ask_for_number(Request request) {
  uint64_t number = 0;
  copy_reply(ask(request), std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

void VhostUserChannel::send(uint32_t request, uint32_t flags, std::span<const std::byte> payload,
                            std::span<const int> fds) {
  Header header{.request = request,
                .flags = vhost_user::kVersion | flags,
                .size = static_cast<uint32_t>(payload.size())};
  std::array<iovec, 2> parts{
      {{&header, sizeof header}, {const_cast<std::byte*>(payload.data()), payload.size()}}};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!fds.empty()) {
    if (fds.size() > kMaxFds) fail("too many descriptors");
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  const ssize_t sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(sizeof header + payload.size()))
    fail("request " + std::to_string(request) + " cannot be sent");
}

Header VhostUserChannel::receive(Reply& into) {
  Header header{};
  read_all(std::as_writable_bytes(std::span(&header, 1)), &into.fds);
  if ((header.flags & vhost_user::kVersionMask) != vhost_user::kVersion ||
      header.size > vhost_user::kMaxPayload)
    fail("no message of this protocol came");
  into.payload.resize(header.size);
  read_all(into.payload, nullptr);
  return header;
}

void VhostUserChannel::read_all(std::span<std::byte> into, std::vector<UniqueFd>* fds) {
  while (!into.empty()) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control;
    iovec part{into.data(), into.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) fail("the back-end hung up");
    if (got < 0) fail(std::string("no answer: ") + std::strerror(errno));
    std::vector<UniqueFd> unwanted;
    take_fds(message, fds != nullptr ? *fds : unwanted);
    into = into.subspan(static_cast<size_t>(got));
  }
}

void VhostUserChannel::copy_reply(const Reply& reply, std::span<std::byte> into) {
  if (reply.payload.size() != into.size()) fail("a reply has the wrong size");
  std::memcpy(into.data(), reply.payload.data(), into.size());
}

}  // namespace stratos::test
