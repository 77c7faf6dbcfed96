// SPDX-License-Identifier: Apache-2.0
#include "ivshmem/protocol.h"

#include <endian.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace stratos::ivshmem {
namespace {

// Takes the descriptors out of `header`; false if there is more than the one that
// the protocol knows, all of which are closed then.
bool take_fd(msghdr& header, runtime::UniqueFd& fd) {
  bool fine = (header.msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      if (fd.valid()) fine = false;
      fd.reset(received);
    }
  }
  return fine;
}

}  // namespace

std::expected<void, std::error_code> send_message(int socket, int64_t value, int fd) {
  uint64_t wire = htole64(static_cast<uint64_t>(value));
  iovec bytes{.iov_base = &wire, .iov_len = sizeof(wire)};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  const ssize_t sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(sizeof(wire))) return {};
  return std::unexpected(std::error_code(sent < 0 ? errno : EAGAIN, std::system_category()));
}

std::expected<std::optional<Message>, std::string> MessageReader::read(int socket) {
  while (have_ < bytes_.size()) {
    iovec bytes{.iov_base = bytes_.data() + have_, .iov_len = bytes_.size() - have_};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(4 * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) {
      if (errno == EAGAIN) return std::nullopt;
      if (errno == EINTR) continue;
      return std::unexpected(std::string(std::strerror(errno)));
    }
    if (!take_fd(header, fd_)) return std::unexpected("more than one descriptor in a message");
    if (got == 0) return std::unexpected("the connection was closed");
    have_ += static_cast<size_t>(got);
  }
  uint64_t wire = 0;
  std::memcpy(&wire, bytes_.data(), sizeof(wire));
  have_ = 0;
  return Message{.value = static_cast<int64_t>(le64toh(wire)), .fd = std::move(fd_)};
}

}  // namespace stratos::ivshmem
