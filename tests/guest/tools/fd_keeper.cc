// SPDX-License-Identifier: Apache-2.0
// fd-keeper [--kills COUNT --within MS] PROGRAM [ARGUMENT]... - what a service manager does
// for a program of ours: keeps the descriptors that it is given (FDSTORE), starts the program
// again when it dies, and passes them on (sd_listen_fds). A guest's init has no systemd, nor
// has a test.
//
//   SIGUSR1   kills the program, as a crash would
//   SIGHUP    has it end and starts it again
//   SIGTERM   ends the program, then itself; what is kept goes with it
//
// With --kills the first SIGUSR1 is followed by more kills until there were so many, each at a
// random moment of the MS milliseconds after the program was started. If that was before it
// got ready, the next one waits until it is: it is to be killed at any moment, but not to be
// kept from its work for long. Prints one line for each thing that happens: "ready N",
// "kept NAME", "forgot NAME", "killed N", "ended STATUS". Whoever waits for READY=1 at our own
// NOTIFY_SOCKET hears it each time.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr int kFirstFd = 3;  // SD_LISTEN_FDS_START
constexpr int kMaxFds = 16;

struct Options {
  unsigned kills = 0;
  unsigned within_ms = 100;
  char** program = nullptr;
};

struct KeptFd {
  std::string name;
  int fd;
};

template <typename... Args>
void say(const char* format, Args... args) {
  std::printf(format, args...);
  std::fflush(stdout);
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "fd-keeper: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

class Keeper {
 public:
  explicit Keeper(const Options& options);
  int run();

 private:
  void bind_notify_socket();
  void start();
  [[noreturn]] void become_program() const;
  void hear();
  void obey(std::string_view line, int fd);
  void keep(int fd);
  void forget();
  void tell_ready() const;
  void kill_program();
  void restart_program();
  void plan_kill();
  // True when all is over.
  bool take_signal();
  bool reap();

  Options options_;
  sigset_t signals_{};
  int signal_fd_ = -1;
  int notify_fd_ = -1;
  int timer_fd_ = -1;
  std::string notify_name_;
  std::vector<KeptFd> kept_;
  std::string fd_name_;  // of the message that is being read
  pid_t program_ = -1;
  unsigned starts_ = 0;
  unsigned kills_ = 0;
  bool ready_ = false;
  bool killed_ = false;  // or told to end, to be started again
  bool kill_planned_ = false;
  bool stopping_ = false;
  int status_ = 0;
  std::mt19937 random_{20260222};
};

Keeper::Keeper(const Options& options) : options_(options) {
  sigemptyset(&signals_);
  for (const int number : {SIGCHLD, SIGUSR1, SIGHUP, SIGTERM}) sigaddset(&signals_, number);
  sigprocmask(SIG_BLOCK, &signals_, nullptr);
  signal_fd_ = signalfd(-1, &signals_, SFD_CLOEXEC);
  timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  bind_notify_socket();
}

void Keeper::bind_notify_socket() {
  notify_fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (notify_fd_ < 0) fail("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t length = sizeof(address.sun_family);  // the kernel picks an abstract name
  if (bind(notify_fd_, reinterpret_cast<const sockaddr*>(&address), length) != 0) fail("bind");
  length = sizeof(address);
  getsockname(notify_fd_, reinterpret_cast<sockaddr*>(&address), &length);
  const size_t name = length - offsetof(sockaddr_un, sun_path) - 1;
  notify_name_ = "@" + std::string(address.sun_path + 1, name);
}

void Keeper::become_program() const {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigprocmask(SIG_UNBLOCK, &signals_, nullptr);
  std::string names;
  // First out of the way of each other, then to where they belong.
  std::vector<int> moved;
  moved.reserve(kept_.size());
  for (const KeptFd& kept : kept_) moved.push_back(fcntl(kept.fd, F_DUPFD, 100));
  for (size_t i = 0; i < moved.size(); ++i) {
    dup2(moved[i], kFirstFd + static_cast<int>(i));
    close(moved[i]);
    names += (i ? ":" : "") + kept_[i].name;
  }
  setenv("NOTIFY_SOCKET", notify_name_.c_str(), 1);
  if (!kept_.empty()) {
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", std::to_string(kept_.size()).c_str(), 1);
    setenv("LISTEN_FDNAMES", names.c_str(), 1);
  }
  execvp(options_.program[0], options_.program);
  fail(options_.program[0]);
}

void Keeper::start() {
  const bool was_ready = std::exchange(ready_, false);
  ++starts_;
  killed_ = false;
  program_ = fork();
  if (program_ < 0) fail("fork");
  if (program_ == 0) become_program();
  if (was_ready) plan_kill();
}

void Keeper::keep(int fd) {
  if (fd < 0) return;
  const auto same = std::ranges::find(kept_, fd_name_, &KeptFd::name);
  if (same != kept_.end() || kept_.size() == kMaxFds) {
    say("refused %s\n", fd_name_.c_str());
    close(fd);
    return;
  }
  // Off the numbers that the program gets them under.
  kept_.push_back({fd_name_, fcntl(fd, F_DUPFD_CLOEXEC, 50)});
  close(fd);
  say("kept %s\n", fd_name_.c_str());
}

void Keeper::forget() {
  std::erase_if(kept_, [this](const KeptFd& kept) {
    if (kept.name != fd_name_) return false;
    close(kept.fd);
    say("forgot %s\n", kept.name.c_str());
    return true;
  });
}

void Keeper::obey(std::string_view line, int fd) {
  if (line == "FDSTORE=1") keep(fd);
  if (line == "FDSTOREREMOVE=1") forget();
  if (line == "READY=1") {
    ready_ = true;
    say("ready %u\n", starts_);
    tell_ready();
    plan_kill();
  }
}

void Keeper::hear() {
  std::array<char, 4096> buffer;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int)) + 64> control;
  iovec into{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(notify_fd_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got <= 0) return;
  int fd = -1;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(c), sizeof(fd));
  }
  const std::string_view text(buffer.data(), static_cast<size_t>(got));
  constexpr std::string_view kName = "FDNAME=";
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    if (lines.back().starts_with(kName)) fd_name_ = lines.back().substr(kName.size());
    at = end + 1;
  }
  for (const std::string_view line : lines) obey(line, fd);
}

void Keeper::tell_ready() const {
  const char* name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (name == nullptr || std::strlen(name) > sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name, std::strlen(name));
  if (name[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(name));
  constexpr std::string_view kReady = "READY=1";
  sendto(notify_fd_, kReady.data(), kReady.size(), 0, reinterpret_cast<const sockaddr*>(&address),
         length);
}

void Keeper::kill_program() {
  kill_planned_ = false;
  if (killed_ || program_ < 0) return;
  killed_ = true;
  say("killed %u\n", ++kills_);
  kill(program_, SIGKILL);
}

void Keeper::restart_program() {
  if (killed_ || program_ < 0) return;
  killed_ = true;
  kill(program_, SIGTERM);
}

void Keeper::plan_kill() {
  if (kill_planned_ || kills_ == 0 || kills_ >= options_.kills) return;
  kill_planned_ = true;
  const auto wait = std::uniform_int_distribution<uint32_t>(1, options_.within_ms * 1000)(random_);
  itimerspec at{};
  at.it_value.tv_sec = wait / 1'000'000;
  at.it_value.tv_nsec = static_cast<int64_t>(wait % 1'000'000) * 1000;
  timerfd_settime(timer_fd_, 0, &at, nullptr);
}

bool Keeper::reap() {
  int status = 0;
  if (waitpid(program_, &status, WNOHANG) != program_) return false;
  program_ = -1;
  if (killed_ && !stopping_) {
    start();
    return false;
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  say("ended %d\n", status_);
  return true;
}

bool Keeper::take_signal() {
  signalfd_siginfo info{};
  if (read(signal_fd_, &info, sizeof(info)) != sizeof(info)) return false;
  if (info.ssi_signo == SIGCHLD) return reap();
  if (info.ssi_signo == SIGUSR1) kill_program();
  if (info.ssi_signo == SIGHUP) restart_program();
  if (info.ssi_signo == SIGTERM) {
    stopping_ = true;
    kill(program_, SIGTERM);
  }
  return false;
}

int Keeper::run() {
  start();
  for (;;) {
    std::array<pollfd, 3> wait{
        {{notify_fd_, POLLIN, 0}, {signal_fd_, POLLIN, 0}, {timer_fd_, POLLIN, 0}}};
    poll(wait.data(), wait.size(), -1);
    // What the program said before it died comes first.
    if (wait[0].revents) {
      hear();
      continue;
    }
    if (wait[1].revents && take_signal()) return status_;
    if (wait[2].revents) {
      uint64_t times = 0;
      if (read(timer_fd_, &times, sizeof(times)) > 0) kill_program();
    }
  }
}

// The arguments up to the program's name.
Options parse(int argc, char** argv) {
  Options options;
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    const std::string_view name = argv[at];
    const auto value = static_cast<unsigned>(std::strtoul(argv[at + 1], nullptr, 10));
    if (name == "--kills") options.kills = value;
    if (name == "--within") options.within_ms = value;
  }
  if (at >= argc || options.within_ms == 0) {
    std::fprintf(stderr, "use: fd-keeper [--kills COUNT --within MS] PROGRAM [ARGUMENT]...\n");
    std::exit(2);
  }
  options.program = argv + at;
  return options;
}

}  // namespace

int main(int argc, char** argv) { return Keeper(parse(argc, argv)).run(); }
