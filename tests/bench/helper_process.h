// SPDX-License-Identifier: Apache-2.0
// The device side of the bench in a process of its own: a loop, a link, a Responder. It is
// stratosd less the configuration.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace stratos::bench {

// What the helper did so far.
struct HelperFigures {
  uint64_t cpu_ns = 0;
  uint64_t system_calls = 0;   // all of them enter the ring, which also carries the doorbells
  uint64_t notifications = 0;  // of the driver
  uint64_t allocations = 0;
};

class HelperProcess {
 public:
  // Looks for work for `poll_time` before it sleeps. Pinned to CPU 1. Attaches to
  // `device_socket` of a hub ...
  static std::unique_ptr<HelperProcess> behind_hub(const std::string& device_socket,
                                                   std::chrono::nanoseconds poll_time);
  // ... or listens at `socket` for a vhost-user front-end.
  static std::unique_ptr<HelperProcess> for_front_end(const std::string& socket,
                                                      std::chrono::nanoseconds poll_time,
                                                      bool packed);
  ~HelperProcess();
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  // What it did up to the end of its last turn.
  HelperFigures figures() const;

 private:
  struct Shared;
  // `serve` is what the process does; it does not return.
  explicit HelperProcess(const std::function<void(Shared&)>& serve);

  Shared* shared_;
  pid_t pid_;
};

}  // namespace stratos::bench
