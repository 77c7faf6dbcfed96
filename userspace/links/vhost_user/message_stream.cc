// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/message_stream.h"

#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/fd_passing.h"

namespace stratos::links::vhost_user {

static_assert(kMaxFds <= runtime::kMaxPassedFds);

// Returns how many bytes came; 0 if there are none now.
std::expected<size_t, StreamEnd> MessageReader::receive(int socket, std::span<std::byte> into) {
  const auto got = runtime::receive_with_fds(socket, into, message_.fds);
  if (got.bytes < 0) {
    if (errno == EAGAIN || errno == EINTR) return 0;
    return std::unexpected(StreamEnd{std::strerror(errno)});
  }
  if (got.cut || message_.fds.size() > kMaxFds) {
    return std::unexpected(StreamEnd{"too many descriptors in a message", true});
  }
  if (got.bytes == 0) return std::unexpected(StreamEnd{"the connection was closed"});
  return static_cast<size_t>(got.bytes);
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
  const std::array<iovec, 2> pieces{
      iovec{.iov_base = head.data(), .iov_len = head.size()},
      iovec{.iov_base = const_cast<std::byte*>(payload.data()), .iov_len = payload.size()}};
  const ssize_t sent = runtime::send_with_fd(socket, pieces, fd);
  return sent == static_cast<ssize_t>(head.size() + payload.size());
}

}  // namespace stratos::links::vhost_user
