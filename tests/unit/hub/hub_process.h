// SPDX-License-Identifier: Apache-2.0
// The real stratos-hub, sandbox and all, with one link "a".

#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "hub/child_process.h"
#include "hub/scratch_directory.h"
#include "runtime/unique_fd.h"

namespace stratos::hub {

class HubProcess {
 public:
  explicit HubProcess(const ScratchDirectory& scratch)
      : notify_(open_notify(scratch.file("notify"))),
        errors_(scratch.file("errors")),
        process_({STRATOS_HUB, "--link",
                  "name=a,size=1M,driver-socket=" + scratch.file("a.qemu") +
                      ",device-socket=" + scratch.file("a.sock")},
                 // The leak checker wants system calls that the sandbox denies.
                 {"NOTIFY_SOCKET=" + scratch.file("notify"), "ASAN_OPTIONS=detect_leaks=0"},
                 errors_) {}

  // Waits until the hub tells systemd that it is ready.
  bool ready() { return heard("READY=1"); }
  bool stopping() { return heard("STOPPING=1"); }
  ChildProcess& process() { return process_; }
  std::string errors() const {
    std::ifstream stream(errors_);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  static runtime::UniqueFd open_notify(const std::string& path) {
    runtime::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  bool heard(const std::string& word) {
    pollfd waiting{.fd = notify_.get(), .events = POLLIN, .revents = 0};
    std::array<char, 256> text{};
    while (poll(&waiting, 1, 10000) == 1) {
      const ssize_t size = recv(notify_.get(), text.data(), text.size(), 0);
      if (size > 0 && std::string(text.data(), static_cast<size_t>(size)) == word) return true;
    }
    return false;
  }

  runtime::UniqueFd notify_;
  std::string errors_;
  ChildProcess process_;
};

}  // namespace stratos::hub
