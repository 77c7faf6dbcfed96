// SPDX-License-Identifier: Apache-2.0

#include "harness/service.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "harness/error.h"

namespace stratos::guest {
namespace {

constexpr auto kReadyTimeout = std::chrono::seconds(20);

// A name in the abstract namespace, which the kernel picks: "@..." in NOTIFY_SOCKET.
std::string bind_anywhere(int fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t length = sizeof(address.sun_family);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw HarnessError("no notify socket");
  length = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const size_t name = length - offsetof(sockaddr_un, sun_path);
  return "@" + std::string(address.sun_path + 1, name - 1);
}

bool says_ready(int fd) {
  std::array<char, 4096> buffer;
  for (ssize_t got; (got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
    const std::string_view text(buffer.data(), static_cast<size_t>(got));
    if (text.starts_with("READY=1") || text.find("\nREADY=1") != text.npos) return true;
  }
  return false;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Service::Service(std::vector<std::string> argv, const std::filesystem::path& log)
    : notify_fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  program_ = std::make_unique<Program>(
      Program::Options{.argv = std::move(argv),
                       .log = log,
                       .environment = {{"NOTIFY_SOCKET", bind_anywhere(notify_fd_)}}});
  wait_ready();
}

void Service::wait_ready() {
  const Deadline deadline = in(kReadyTimeout);
  while (!says_ready(notify_fd_)) {
    std::array<pollfd, 2> wait{{{notify_fd_, POLLIN, 0}, {program_->ended_fd(), POLLIN, 0}}};
    poll(wait.data(), wait.size(), poll_timeout(deadline));
    const bool over = wait[1].revents != 0 || Clock::now() >= deadline;
    if (over && !(wait[0].revents & POLLIN)) {
      program_->signal(SIGKILL);
      throw HarnessError(fmt::format("{} did not get ready; its log says:\n{}",
                                     program_->log().string(), read_file(program_->log())));
    }
  }
}

Service::~Service() {
  program_.reset();
  close(notify_fd_);
}

}  // namespace stratos::guest
