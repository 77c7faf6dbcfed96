// SPDX-License-Identifier: Apache-2.0

#include "testpmd_pair.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "machine.h"

extern char** environ;

namespace stratos::bench {
namespace {

constexpr size_t kSeconds = 5;
constexpr uint64_t kDeadlineNs = 30'000'000'000;

// A child with a pipe on its standard input (testpmd ends when that closes) and one
// on its standard output.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(in_);
    close(out_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool started() const { return pid_ > 0; }

  // The next line, or false at the end of the output or past the deadline.
  bool read_line(std::string& line, uint64_t deadline) {
    line.clear();
    while (now_ns() < deadline) {
      const size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return true;
      }
      pollfd wait{out_, POLLIN, 0};
      if (poll(&wait, 1, 100) <= 0) continue;
      char chunk[4096];
      const ssize_t count = read(out_, chunk, sizeof chunk);
      if (count <= 0) return false;
      buffer_.append(chunk, static_cast<size_t>(count));
    }
    return false;
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string buffer_;
};

std::vector<std::string> command(int cpu, std::string_view prefix, std::string vdev,
                                 unsigned burst) {
  return {"stdbuf",
          "-oL",
          "taskset",
          "-c",
          std::to_string(cpu),
          "dpdk-testpmd",
          fmt::format("--lcores=0@{0},1@{0}", cpu),
          "--no-pci",
          "--no-huge",
          "-m",
          "512",
          fmt::format("--file-prefix={}{}", prefix, getpid()),
          "--single-file-segments",
          "--vdev",
          std::move(vdev),
          "--",
          "--forward-mode=io",
          "--auto-start",
          fmt::format("--burst={}", burst),
          "--total-num-mbufs=16384"};
}

}  // namespace

std::expected<double, std::string> testpmd_packets_per_second(unsigned packets) {
  char directory[] = "/tmp/stratos-bench-XXXXXX";
  if (mkdtemp(directory) == nullptr) return std::unexpected("cannot make a temporary directory");
  const std::string socket = std::string(directory) + "/vh.sock";
  const uint64_t deadline = now_ns() + kDeadlineNs;

  Child vhost(command(0, "vh", fmt::format("net_vhost0,iface={},queues=1", socket), packets));
  std::string line;
  while (vhost.started() && vhost.read_line(line, deadline))
    if (line.find("start packet forwarding") != std::string::npos) break;
  if (!std::filesystem::exists(socket))
    return std::unexpected("dpdk-testpmd did not start (install dpdk-dev)");

  auto arguments = command(
      1, "vu", fmt::format("net_virtio_user0,path={},queues=1,queue_size=256", socket), packets);
  arguments.insert(arguments.end(), {"--tx-first", "--stats-period=1"});
  Child user(std::move(arguments));
  std::vector<double> rates;
  while (rates.size() < kSeconds && user.read_line(line, deadline)) {
    constexpr std::string_view kKey = "Rx-pps:";
    const size_t at = line.find(kKey);
    if (at == std::string::npos) continue;
    const double rate = strtod(line.c_str() + at + kKey.size(), nullptr);
    if (rate > 0) rates.push_back(rate);
  }
  std::filesystem::remove_all(directory);
  if (rates.empty()) return std::unexpected("dpdk-testpmd reported no packets");
  std::nth_element(rates.begin(), rates.begin() + static_cast<ptrdiff_t>(rates.size() / 2),
                   rates.end());
  return rates[rates.size() / 2];
}

}  // namespace stratos::bench
