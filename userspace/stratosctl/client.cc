// SPDX-License-Identifier: Apache-2.0
#include "stratosctl/client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "runtime/unique_fd.h"

namespace stratos::ctl {
namespace {

// No stratosd has so much to say; something else answers.
constexpr size_t kMaxReply = 16 << 20;

std::string reason(int error) { return std::generic_category().message(error); }

std::unexpected<std::string> not_reachable(const std::string& socket, int error) {
  if (error == ENOENT || error == ECONNREFUSED) {
    return std::unexpected(
        fmt::format("no stratosd listens on {} ({}); start it, or name its socket with --socket",
                    socket, reason(error)));
  }
  if (error == EACCES || error == EPERM) {
    return std::unexpected(fmt::format(
        "no permission for {}; run as root or as a member of the socket's group", socket));
  }
  return std::unexpected(fmt::format("cannot connect to {}: {}", socket, reason(error)));
}

std::unexpected<std::string> broken(const std::string& socket, int error) {
  const bool late = error == EAGAIN || error == EWOULDBLOCK;
  return std::unexpected(fmt::format("stratosd on {} {}", socket,
                                     late ? "does not answer" : "broke off: " + reason(error)));
}

bool set_timeout(int fd, std::chrono::milliseconds timeout) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  timeval value{};
  value.tv_sec = seconds.count();
  value.tv_usec = std::chrono::microseconds(timeout - seconds).count();
  return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof(value)) == 0 &&
         setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value)) == 0;
}

std::expected<runtime::UniqueFd, std::string> connect_to(const std::string& socket,
                                                         std::chrono::milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof(address.sun_path)) {
    return std::unexpected(fmt::format("\"{}\" is no path of a socket", socket));
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  runtime::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0 || !set_timeout(fd.get(), timeout) ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return not_reachable(socket, errno);
  }
  return fd;
}

}  // namespace

std::expected<std::string, std::string> ask(const std::string& socket, control::ControlOp op,
                                            std::chrono::milliseconds timeout) {
  auto fd = connect_to(socket, timeout);
  if (!fd) return std::unexpected(fd.error());
  const std::string request = control::make_request(op);
  if (::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return broken(socket, errno);
  }
  std::string reply;
  std::array<char, 4096> piece;
  while (reply.size() < kMaxReply) {
    const ssize_t got = ::recv(fd->get(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return broken(socket, got < 0 ? errno : ECONNRESET);
    reply.append(piece.data(), static_cast<size_t>(got));
    if (reply.back() != '\n') continue;
    reply.pop_back();
    return reply;
  }
  return std::unexpected(fmt::format("the reply from {} has no end", socket));
}

}  // namespace stratos::ctl
