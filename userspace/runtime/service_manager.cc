// SPDX-License-Identifier: Apache-2.0
#include "runtime/service_manager.h"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdint>

namespace stratos::runtime {

ServiceManager::ServiceManager(Loop& loop) : watchdog_(loop, [] { sd_notify(0, "WATCHDOG=1"); }) {
  sd_notify(0, "READY=1");
  uint64_t period = 0;  // microseconds
  if (sd_watchdog_enabled(0, &period) > 0) {
    watchdog_.start_periodic(std::chrono::microseconds(period / 2));
  }
}

ServiceManager::~ServiceManager() { sd_notify(0, "STOPPING=1"); }

}  // namespace stratos::runtime
