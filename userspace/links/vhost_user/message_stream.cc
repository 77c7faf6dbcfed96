// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/message_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace stratos::links::vhost_user {
namespace {

// Takes the descriptors out of `header`, all of them; false if there were more than a
// message may carry.
bool take_fds(msghdr& header, std::vector<runtime::UniqueFd>& fds) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      fds.emplace_back(received);
    }
  }
  return (header.msg_flags & MSG_CTRUNC) == 0 && fds.size() <= kMaxFds;
}

}  // namespace

// Returns how many bytes came; 0 if there are none now.
std::expected<size_t, StreamEnd> MessageReader::receive(int socket, std::span<std::byte> into) {
  iovec bytes{.iov_base = into.data(), .iov_len = into.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return 0;
    return std::unexpected(StreamEnd{std::strerror(errno)});
  }
  if (!take_fds(header, message_.fds)) {
    return std::unexpected(StreamEnd{"too many descriptors in a message", true});
  }
  if (got == 0) return std::unexpected(StreamEnd{"the connection was closed"});
  return static_cast<size_t>(got);
}

std::expected<void, StreamEnd> MessageReader::take_header() {
  const auto header = decode_header(head_);
  if (!header || header->reply) {
    return std::unexpected(StreamEnd{"a header that is none", true});
  }
  message_.header = *header;
  return {};
}

std::expected<Message*, StreamEnd> MessageReader::read(int socket) {
  if (std::exchange(complete_, false)) {
    have_ = 0;
    message_.header = {};
    message_.fds.clear();
  }
  while (have_ < kHeaderSize) {
    const auto got = receive(socket, std::span(head_).subspan(have_));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return nullptr;
    have_ += *got;
    if (have_ < kHeaderSize) continue;
    if (auto taken = take_header(); !taken) return std::unexpected(std::move(taken.error()));
  }
  const size_t size = message_.header.size;
  while (have_ - kHeaderSize < size) {
    const size_t at = have_ - kHeaderSize;
    const auto got = receive(socket, std::span(message_.bytes).subspan(at, size - at));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return nullptr;
    have_ += *got;
  }
  complete_ = true;
  return &message_;
}

bool send_message(int socket, const Header& header, std::span<const std::byte> payload, int fd) {
  std::array<std::byte, kHeaderSize> head{};
  encode_header(head, header);
  std::array<iovec, 2> bytes{
      iovec{.iov_base = head.data(), .iov_len = head.size()},
      iovec{.iov_base = const_cast<std::byte*>(payload.data()), .iov_len = payload.size()}};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = bytes.data();
  message.msg_iovlen = bytes.size();
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(head.size() + payload.size());
}

}  // namespace stratos::links::vhost_user
