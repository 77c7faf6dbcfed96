// SPDX-License-Identifier: Apache-2.0
#include "stratosd/notified_process.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace stratos::test {
namespace {

std::vector<std::string> with_notify_socket(std::vector<std::string> environment,
                                            const std::string& path) {
  environment.push_back("NOTIFY_SOCKET=" + path);
  // The leak checker wants system calls that a sandbox denies.
  environment.push_back("ASAN_OPTIONS=detect_leaks=0");
  return environment;
}

}  // namespace

NotifiedProcess::NotifiedProcess(const hub::ScratchDirectory& scratch, const std::string& name,
                                 std::vector<std::string> command,
                                 std::vector<std::string> environment)
    : notify_(open_socket(scratch.file(name + ".notify"))),
      log_(scratch.file(name + ".log")),
      process_(std::move(command),
               with_notify_socket(std::move(environment), scratch.file(name + ".notify")), log_) {}

runtime::UniqueFd NotifiedProcess::open_socket(const std::string& path) {
  ::unlink(path.c_str());
  runtime::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::runtime_error("cannot bind " + path);
  }
  return fd;
}

bool NotifiedProcess::heard(const std::string& word) {
  pollfd waiting{.fd = notify_.get(), .events = POLLIN, .revents = 0};
  std::array<char, 512> text{};
  while (::poll(&waiting, 1, 15'000) == 1) {
    const ssize_t size = ::recv(notify_.get(), text.data(), text.size(), 0);
    if (size > 0 &&
        std::string(text.data(), static_cast<size_t>(size)).find(word) != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::string NotifiedProcess::log() const {
  std::ifstream stream(log_);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace stratos::test
