// SPDX-License-Identifier: Apache-2.0
#include "ivshmem/protocol.h"

#include <endian.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "runtime/fd_passing.h"

namespace stratos::ivshmem {
std::expected<void, std::error_code> send_message(int socket, int64_t value, int fd) {
  uint64_t wire = htole64(static_cast<uint64_t>(value));
  const iovec bytes{.iov_base = &wire, .iov_len = sizeof(wire)};
  const ssize_t sent = runtime::send_with_fd(socket, std::span(&bytes, 1), fd);
  if (sent == static_cast<ssize_t>(sizeof(wire))) return {};
  return std::unexpected(std::error_code(sent < 0 ? errno : EAGAIN, std::system_category()));
}

std::expected<std::optional<Message>, std::string> MessageReader::read(int socket) {
  while (have_ < bytes_.size()) {
    const auto got = runtime::receive_with_fds(socket, std::span(bytes_).subspan(have_), fds_);
    if (got.bytes < 0) {
      if (errno == EAGAIN) return std::nullopt;
      if (errno == EINTR) continue;
      return std::unexpected(std::string(std::strerror(errno)));
    }
    if (got.cut || fds_.size() > 1) {
      return std::unexpected("more than one descriptor in a message");
    }
    if (got.bytes == 0) return std::unexpected("the connection was closed");
    have_ += static_cast<size_t>(got.bytes);
  }
  uint64_t wire = 0;
  std::memcpy(&wire, bytes_.data(), sizeof(wire));
  have_ = 0;
  Message message{.value = static_cast<int64_t>(le64toh(wire)), .fd = {}};
  if (!fds_.empty()) message.fd = std::move(fds_.front());
  fds_.clear();
  return message;
}

}  // namespace stratos::ivshmem
