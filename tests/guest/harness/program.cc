// SPDX-License-Identifier: Apache-2.0

#include "harness/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "harness/error.h"

namespace stratos::guest {

Program::Program(Options options) : options_(std::move(options)) {
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw HarnessError(fmt::format("fork: {}", std::strerror(errno)));
  if (pid_ == 0) {
    // If we died before the line took effect, nobody would send the signal.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    become();
  }
  setpgid(pid_, pid_);  // also done by the child; whoever comes first
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
}

Program::~Program() {
  if (running()) {
    signal(SIGKILL);
    wait(in(std::chrono::seconds(10)));
  }
  close(pidfd_);
}

void Program::become() {
  setpgid(0, 0);
  const int log =
      open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);  // NOLINT
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  for (const int fd : options_.inherited) fcntl(fd, F_SETFD, 0);
  for (const auto& [name, value] : options_.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (std::string& argument : options_.argv) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  dprintf(STDERR_FILENO, "%s: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

bool Program::running() { return !wait(Clock::now()); }

void Program::signal(int number) {
  if (!status_) kill(-pid_, number);
}

std::optional<int> Program::wait(Deadline deadline) {
  if (status_) return status_;
  pollfd ended{pidfd_, POLLIN, 0};
  while (poll(&ended, 1, poll_timeout(deadline)) < 0 && errno == EINTR) {
  }
  if (!(ended.revents & POLLIN)) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_)
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  kill(-pid_, SIGKILL);  // whatever it left behind in its group
  return status_;
}

int Program::stop(int number, Timeout timeout) {
  signal(number);
  const auto status = wait(in(timeout));
  if (!status)
    throw HarnessError(fmt::format("{} did not end on signal {}; its log is {}", options_.argv[0],
                                   number, options_.log.string()));
  return *status;
}

}  // namespace stratos::guest
