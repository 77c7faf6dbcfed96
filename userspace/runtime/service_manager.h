// SPDX-License-Identifier: Apache-2.0
// What systemd wants to hear: ready, alive, stopping. Elsewhere all of it is nothing.

#pragma once

#include "runtime/loop.h"
#include "runtime/timer.h"

namespace stratos::runtime {

class ServiceManager {
 public:
  // Says READY and, where the unit has WatchdogSec=, from now on twice per period
  // that the loop still turns.
  explicit ServiceManager(Loop& loop);
  // Says STOPPING.
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

 private:
  Timer watchdog_;
};

}  // namespace stratos::runtime
