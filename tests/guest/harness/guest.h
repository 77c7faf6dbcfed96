// SPDX-License-Identifier: Apache-2.0
// A guest: a stock Debian kernel under QEMU, with a shell that does what the test says.

#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/agent.h"
#include "harness/deadline.h"
#include "harness/kernel.h"
#include "harness/kernel_log.h"
#include "harness/program.h"
#include "harness/vhost_user.h"

namespace stratos::guest {

class Guest;

// How a command ended and what it printed, both streams together.
struct Output {
  int status = -1;
  std::string text;

  std::vector<std::string> lines() const;
  bool contains(const std::string& part) const { return text.find(part) != std::string::npos; }
};

// A program that runs in a guest while the test goes on.
class Job {
 public:
  // Waits for its end. Throws HarnessError at the deadline.
  Output wait(Timeout timeout = std::chrono::seconds(30));
  // Waits until it has printed the text.
  void wait_for(const std::string& text, Timeout timeout = std::chrono::seconds(30));
  // Signals it and waits for its end.
  Output stop(const std::string& signal = "TERM");
  std::string text();
  pid_t pid() const { return pid_; }

 private:
  friend class Guest;
  Job(Guest& guest, Agent::JobId id, std::string command);

  Guest* guest_;
  Agent::JobId id_;
  std::string command_;
  pid_t pid_ = -1;
};

class Guest {
 public:
  struct Options {
    Kernel kernel;
    std::string name;            // the host name, and that of its logs
    std::filesystem::path logs;  // a folder
    // Sockets of ivshmem servers: one doorbell device each, in this order.
    std::vector<std::filesystem::path> links{};
    // Devices whose backends are elsewhere. With any, QEMU is the newer one of scripts/qemu-root.
    std::vector<VhostUserDevice> vhost_user{};
    int cpus = 1;
    int memory_mib = 256;
    std::vector<std::string> qemu{};  // further arguments
  };

  // Starts it and does not wait; the first command does.
  explicit Guest(Options options);
  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  const std::string& name() const { return options_.name; }
  const KernelLog& log() const { return log_; }
  bool alive();
  void wait_ready(Timeout timeout = std::chrono::seconds(90));

  // Runs a line of shell to its end. Throws HarnessError only if it does not end in time or the
  // guest dies; `must` throws also if the status is not 0.
  Output run(const std::string& command, Timeout timeout = std::chrono::seconds(30));
  Output must(const std::string& command, Timeout timeout = std::chrono::seconds(30));
  // Starts one program, with its arguments and redirections, and waits until it has begun.
  Job start(const std::string& program);

  // Loads a module and what it depends on.
  void insmod(const std::string& module, const std::string& parameters = "");
  void rmmod(const std::string& module);
  bool has_module(const std::string& module);

  // Puts a text into a file of the guest.
  void write(const std::string& path, const std::string& text);
  // Waits until a path exists in the guest.
  void wait_for_path(const std::string& path, Timeout timeout = std::chrono::seconds(10));
  // Adds a line to its kernel log and waits for it there, so that all before it is there too.
  void settle();
  // Switches it off and waits for the machine to end.
  void power_off();
  // Cuts the power.
  void kill();

 private:
  friend class Job;
  std::vector<std::string> command_line(int agent_fd) const;
  [[noreturn]] void fail(const std::string& what) const;

  Options options_;
  KernelLog log_;
  std::unique_ptr<Program> machine_;
  std::unique_ptr<Agent> agent_;
  unsigned marks_ = 0;
};

}  // namespace stratos::guest
