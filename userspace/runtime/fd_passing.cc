// SPDX-License-Identifier: Apache-2.0
#include "runtime/fd_passing.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace stratos::runtime {

ssize_t send_with_fd(int socket, std::span<const iovec> pieces, int fd,
                     const SendOptions& options) {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  message.msg_name = const_cast<std::byte*>(options.address.data());
  message.msg_namelen = static_cast<socklen_t>(options.address.size());
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | (options.wait ? 0 : MSG_DONTWAIT));
}

ReceivedFds receive_with_fds(int socket, std::span<std::byte> into, std::vector<UniqueFd>& fds) {
  iovec bytes{.iov_base = into.data(), .iov_len = into.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxPassedFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ReceivedFds received{.bytes = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)};
  if (received.bytes < 0) return received;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  received.cut = (message.msg_flags & MSG_CTRUNC) != 0;
  return received;
}

}  // namespace stratos::runtime
