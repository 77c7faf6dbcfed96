// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket_claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stratos::runtime {
namespace {

constexpr int kBacklog = 4;

std::unexpected<std::string> failed(const std::string& path, const char* what) {
  return std::unexpected(fmt::format("{}: cannot {}: {}", path, what, std::strerror(errno)));
}

std::unexpected<std::string> in_use(const std::string& path) {
  return std::unexpected(
      fmt::format("{}: in use by another process; stop it or choose another path", path));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

// The lock file of `path`, locked. A process that goes unlinks its lock file while
// it still has the lock, so what was locked may no longer be what has the name.
std::expected<UniqueFd, std::string> lock(const std::string& path) {
  const std::string name = path + ".lock";
  for (;;) {
    UniqueFd file(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return failed(name, "create");
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return in_use(path);
      return failed(name, "lock");
    }
    struct stat locked {};
    struct stat named {};
    if (fstat(file.get(), &locked) == 0 && stat(name.c_str(), &named) == 0 &&
        locked.st_dev == named.st_dev && locked.st_ino == named.st_ino) {
      return file;
    }
  }
}

bool is_listening(const std::string& path) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = address_of(path);
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno == EAGAIN;
}

// Whether something that knows nothing of our locks listens there. A predecessor that
// was killed has no lock any more, but its listening socket may have an afterlife.
bool stays_listening(const std::string& path, std::chrono::milliseconds patience) {
  return !outwait([&path] { return !is_listening(path); }, patience);
}

}  // namespace

std::expected<SocketClaim, std::string> SocketClaim::claim(const std::string& path,
                                                           std::chrono::milliseconds patience) {
  if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return std::unexpected(fmt::format("{}: too long for a socket", path));
  }
  auto locked = lock(path);
  if (!locked) return std::unexpected(std::move(locked.error()));
  SocketClaim claim(path, std::move(*locked));
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      return std::unexpected(fmt::format("{}: exists and is no socket; remove it", path));
    }
    if (stays_listening(path, patience)) return in_use(path);
  }
  return claim;
}

std::expected<UniqueFd, std::string> SocketClaim::listen(uid_t owner, gid_t group, mode_t mode) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed(path_, "create a socket");
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) return failed(path_, "replace");
  // Nobody can connect before listen(), so nobody sees the mode change.
  const sockaddr_un address = address_of(path_);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed(path_, "bind");
  }
  bound_ = true;
  if (chown(path_.c_str(), owner, group) != 0) return failed(path_, "set owner or group");
  if (chmod(path_.c_str(), mode) != 0) return failed(path_, "set mode");
  if (::listen(fd.get(), kBacklog) != 0) return failed(path_, "listen");
  return fd;
}

SocketClaim::SocketClaim(std::string path, UniqueFd lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

SocketClaim::SocketClaim(SocketClaim&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::move(other.lock_)),
      bound_(std::exchange(other.bound_, false)) {}

SocketClaim::~SocketClaim() {
  if (!lock_) return;
  if (bound_) unlink(path_.c_str());
  unlink((path_ + ".lock").c_str());
}

}  // namespace stratos::runtime
