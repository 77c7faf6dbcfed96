// SPDX-License-Identifier: Apache-2.0

#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "runtime/unique_fd.h"

namespace stratos::bench {

Program::Program(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  const int error = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + arguments[0]);
}

Program::~Program() {
  constexpr int kGraceMs = 5000;
  const runtime::UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  kill(pid_, SIGTERM);
  pollfd ended{.fd = self.get(), .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, kGraceMs) != 1) kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Program::wait_for_path(const std::string& path) {
  constexpr int kWaitMs = 10'000;
  const runtime::UniqueFd changes(inotify_init1(IN_CLOEXEC));
  const auto folder = std::filesystem::path(path).parent_path();
  inotify_add_watch(changes.get(), folder.c_str(), IN_CREATE | IN_MOVED_TO);
  while (!std::filesystem::exists(path)) {
    pollfd changed{.fd = changes.get(), .events = POLLIN, .revents = 0};
    if (poll(&changed, 1, kWaitMs) <= 0) throw std::runtime_error(path + " did not appear");
    char events[4096];
    if (read(changes.get(), events, sizeof events) < 0) throw std::runtime_error("inotify failed");
  }
}

}  // namespace stratos::bench
