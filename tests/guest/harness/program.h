// SPDX-License-Identifier: Apache-2.0
// A program on this machine, for as long as the object lives.

#pragma once

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/deadline.h"

namespace stratos::guest {

// Leads a process group of its own, which is killed with the object, and with the test whatever
// ends that.  What it prints goes to a log file.
class Program {
 public:
  struct Options {
    std::vector<std::string> argv;
    std::filesystem::path log;                                       // stdout and stderr
    std::vector<std::pair<std::string, std::string>> environment{};  // on top of ours
    std::vector<int> inherited{};                                    // fds that stay open
  };

  explicit Program(Options options);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  const std::filesystem::path& log() const { return options_.log; }
  // Readable once the program has ended.
  int ended_fd() const { return pidfd_; }

  bool running();
  void signal(int number);
  // The exit status, or 128 + the signal that ended it; nothing if it is still running then.
  std::optional<int> wait(Deadline deadline);
  // Signals it and waits; throws HarnessError if it does not end.
  int stop(int number = SIGTERM, Timeout timeout = std::chrono::seconds(10));

 private:
  [[noreturn]] void become();

  Options options_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  std::optional<int> status_;
};

}  // namespace stratos::guest
