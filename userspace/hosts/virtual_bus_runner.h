// SPDX-License-Identifier: Apache-2.0
// Keeps a virtual bus going in a loop.

#pragma once

#include "hosts/virtual_bus.h"
#include "runtime/loop.h"
#include "runtime/timer.h"

namespace stratos::hosts {

class VirtualBusRunner final : private runtime::TurnHook {
 public:
  // Both outlive the runner.
  VirtualBusRunner(runtime::Loop& loop, VirtualBus& bus);
  ~VirtualBusRunner();
  VirtualBusRunner(const VirtualBusRunner&) = delete;
  VirtualBusRunner& operator=(const VirtualBusRunner&) = delete;

 private:
  bool on_turn_end() override;
  // Another hook may have sent something after our turn.
  bool on_sleep() override { return !bus_.ready(); }

  runtime::Loop& loop_;
  VirtualBus& bus_;
  runtime::Timer timer_;
};

}  // namespace stratos::hosts
