// SPDX-License-Identifier: Apache-2.0
#include "hosts/virtual_bus_runner.h"

#include <chrono>

namespace stratos::hosts {

// The timer only ends the sleep; the turn that it begins does the work.
VirtualBusRunner::VirtualBusRunner(runtime::Loop& loop, VirtualBus& bus)
    : loop_(loop), bus_(bus), timer_(loop, [] {}) {
  loop_.add_hook(*this);
}

VirtualBusRunner::~VirtualBusRunner() { loop_.remove_hook(*this); }

bool VirtualBusRunner::on_turn_end() {
  const bool happened = bus_.pump(loop_.now());
  if (const auto deadline = bus_.deadline(); deadline && *deadline > loop_.now()) {
    timer_.start_once(std::chrono::nanoseconds(*deadline - loop_.now()));
  }
  return happened;
}

}  // namespace stratos::hosts
