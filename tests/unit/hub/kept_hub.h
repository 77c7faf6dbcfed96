// SPDX-License-Identifier: Apache-2.0
// The real stratos-hub, sandbox and all, under a service manager that keeps its
// descriptors and starts it again (tests/guest/tools/fd_keeper.cc).

#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "hub/child_process.h"
#include "hub/scratch_directory.h"
#include "runtime/unique_fd.h"

namespace stratos::hub {

class KeptHub {
 public:
  KeptHub(const ScratchDirectory& scratch, const std::string& config)
      : config_(scratch.file("hub.toml")), errors_(scratch.file("errors")) {
    configure(config);
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    said_.reset(ends[0]);
    const runtime::UniqueFd output(ends[1]);
    // The leak checker wants system calls that the sandbox denies.
    process_.emplace(std::vector<std::string>{FD_KEEPER, STRATOS_HUB, "--config", config_},
                     std::vector<std::string>{"ASAN_OPTIONS=detect_leaks=0"}, errors_,
                     output.get());
  }

  // For the next start.
  void configure(const std::string& config) const { std::ofstream(config_) << config; }

  // Waits for a line of the keeper's and takes all that it said up to there: "ready 1",
  // "kept NAME", "forgot NAME".
  bool says(const std::string& line) {
    const std::string wanted = "\n" + line + "\n";
    pollfd waiting{.fd = said_.get(), .events = POLLIN, .revents = 0};
    size_t at = 0;
    while ((at = heard_.find(wanted)) == std::string::npos) {
      std::array<char, 256> text{};
      if (poll(&waiting, 1, 10000) != 1) return false;
      const ssize_t size = read(said_.get(), text.data(), text.size());
      if (size <= 0) return false;
      heard_.append(text.data(), static_cast<size_t>(size));
    }
    heard_.erase(0, at + wanted.size() - 1);
    return true;
  }

  void crash() const { process_->signal(SIGUSR1); }
  // As `systemctl restart` does.
  void restart() const { process_->signal(SIGHUP); }
  // The hub hears nothing until it crashes.
  void freeze() const {
    const std::string keeper = std::to_string(process_->pid());
    std::ifstream children("/proc/" + keeper + "/task/" + keeper + "/children");
    pid_t hub = 0;
    if (children >> hub) kill(hub, SIGSTOP);
  }

  std::string errors() const {
    std::ifstream stream(errors_);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string config_;
  std::string errors_;
  runtime::UniqueFd said_;
  std::string heard_ = "\n";
  std::optional<ChildProcess> process_;
};

}  // namespace stratos::hub
