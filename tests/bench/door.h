// SPDX-License-Identifier: Apache-2.0
// How the driver side of the bench reaches a device.

#pragma once

#include <cstdint>

#include "driver_memory.h"
#include "driver_queue.h"

namespace stratos::bench {

class Door {
 public:
  virtual ~Door() = default;

  virtual test::DriverMemory& memory() = 0;
  virtual test::DriverQueue& queue(uint16_t index) = 0;
  // After queue(index).publish(): rings if the device side wants to hear of it.
  virtual void kick(uint16_t index) = 0;
  // Sleeps until the device side says that it used something, or for nothing. Throws
  // std::runtime_error after some seconds.
  virtual void sleep(uint16_t index) = 0;
  // Has to be called now and then while nothing sleeps.
  virtual void tend() {}

  // Doorbells rung at the device side so far.
  uint64_t rings() const { return rings_; }

 protected:
  uint64_t rings_ = 0;
};

}  // namespace stratos::bench
