// SPDX-License-Identifier: Apache-2.0
#include "runtime/kept_fds.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "runtime/fd_passing.h"

namespace stratos::runtime {
namespace {

struct KeptFd {
  std::string name;
  UniqueFd fd;
};

std::vector<KeptFd> inherit() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(0, &names);
  std::vector<KeptFd> kept;
  for (int i = 0; i < count; ++i) {
    kept.push_back({names[i], UniqueFd(SD_LISTEN_FDS_START + i)});
    std::free(names[i]);
  }
  std::free(static_cast<void*>(names));
  return kept;
}

std::vector<KeptFd>& inherited() {
  static std::vector<KeptFd> kept = inherit();
  return kept;
}

// How long a service manager may take to read what was said before.
constexpr timeval kPatience{.tv_sec = 1, .tv_usec = 0};

// As sd_pid_notify_with_fds(), which waits for ever for a service manager that does not read.
// `fd` goes along unless it is -1.
void tell(std::string message, int fd) {
  static bool deaf = false;  // it did not read: it is not waited for again until it does
  const char* const name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  const size_t length = name != nullptr ? std::strlen(name) : 0;
  if (length == 0 || length >= sizeof(address.sun_path)) return;
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';  // in the abstract namespace

  const iovec text{.iov_base = message.data(), .iov_len = message.size()};
  const auto bytes = std::as_bytes(std::span(&address, 1));
  deaf = send_with_fd(
             socket.get(), {&text, 1}, fd,
             {.address = bytes.first(offsetof(sockaddr_un, sun_path) + length), .wait = !deaf}) < 0;
}

}  // namespace

UniqueFd take_kept_fd(const std::string& name) {
  const auto found = std::ranges::find(inherited(), name, &KeptFd::name);
  if (found == inherited().end()) return {};
  UniqueFd fd = std::move(found->fd);
  inherited().erase(found);
  return fd;
}

void forget_untaken_fds() {
  for (const KeptFd& kept : std::exchange(inherited(), {})) forget_fd(kept.name);
}

void keep_fd(const std::string& name, int fd) {
  // FDPOLL=0: a descriptor that reports an error is not given up for it.
  tell("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, fd);
}

void forget_fd(const std::string& name) { tell("FDSTOREREMOVE=1\nFDNAME=" + name, -1); }

}  // namespace stratos::runtime
