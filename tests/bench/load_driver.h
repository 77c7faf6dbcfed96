// SPDX-License-Identifier: Apache-2.0
// Keeps a number of requests under way at a device, through any door.

#pragma once

#include <cstdint>
#include <vector>

#include "device_load.h"
#include "door.h"
#include "latencies.h"

namespace stratos::bench {

class LoadDriver {
 public:
  // Prepares the device. Both outlive this.
  LoadDriver(Door& door, const DeviceLoad& load);

  // One request after the other; sleeping until notified, or looking all the time.
  Latencies round_trips(size_t count, bool sleep);
  // One request each `period_ns`, from before the kick until it is seen to be used. The driver
  // looks all the time: whoever has to wake up is the device side.
  Latencies paced(size_t count, uint64_t period_ns);
  // `depth` requests under way until `count` are done; returns the nanoseconds.
  uint64_t pipelined(size_t count, unsigned depth, bool sleep);

  uint64_t rings() const { return door_.rings(); }

 private:
  struct Slot {
    std::vector<test::Buffer> out;
    std::vector<test::Buffer> in;
  };
  Slot place(const Request& request);
  void prepare(const Request& request);
  void add(unsigned slot);
  void publish_and_kick();
  // Handles all that is used; returns how many. Each is added again while `again` > 0.
  unsigned reap(size_t& again);
  void wait_for_used(bool sleep);
  // Looks again soon; throws std::runtime_error when nothing came for some seconds.
  void relax();
  void check(const Request& request, const Slot& slot, uint32_t length) const;

  Door& door_;
  const Request& request_;
  test::DriverQueue& queue_;
  std::vector<Slot> slots_;
  std::vector<unsigned> slot_of_;  // by chain id
  uint32_t looks_ = 0;             // in vain, one after the other
  uint64_t waiting_since_ = 0;
};

}  // namespace stratos::bench
