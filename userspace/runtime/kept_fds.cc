// SPDX-License-Identifier: Apache-2.0
#include "runtime/kept_fds.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

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
  const std::string message = "FDSTORE=1\nFDPOLL=0\nFDNAME=" + name;
  sd_pid_notify_with_fds(0, 0, message.c_str(), &fd, 1);
}

void forget_fd(const std::string& name) {
  const std::string message = "FDSTOREREMOVE=1\nFDNAME=" + name;
  sd_notify(0, message.c_str());
}

}  // namespace stratos::runtime
