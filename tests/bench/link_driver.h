// SPDX-License-Identifier: Apache-2.0
// The driver side of the bench: sits on the driver seat of a hub and keeps a number of
// requests under way at a Responder.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "driver_queue.h"
#include "latencies.h"
#include "msg_driver.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"

namespace stratos::bench {

class LinkDriver {
 public:
  // Waits until the device side is there and sets device 0 up, with EVENT_IDX, split or
  // packed. Throws std::runtime_error if that takes more than a few seconds.
  LinkDriver(const std::string& driver_socket, bool packed);

  // One request after the other; sleeping until rung, or looking all the time.
  Latencies round_trips(size_t count, bool sleep);
  // `depth` requests under way until `count` are done; returns the nanoseconds.
  uint64_t pipelined(size_t count, unsigned depth, bool sleep);

  // Doorbells rung at the device side so far.
  uint64_t rings() const { return rings_; }

 private:
  void take_seat(const std::string& driver_socket);
  void add(unsigned slot);
  void kick_if_needed();
  // Handles all that is used; returns how many. Each is added again while `again` > 0.
  unsigned reap(size_t& again);
  void wait_for_used(bool sleep);
  // False if nobody rang in time.
  bool wait_for_bell(int timeout_ms);

  runtime::UniqueFd socket_;
  runtime::UniqueFd my_bell_;
  runtime::UniqueFd their_bell_;
  runtime::Mapping region_;
  uint64_t rings_ = 0;
  std::unique_ptr<test::MsgDriver> driver_;
  std::unique_ptr<test::DriverDevice> device_;
  test::DriverQueue* queue_ = nullptr;
  std::vector<uint64_t> buffers_;  // address of each slot: request, then reply
  std::vector<unsigned> slot_of_;  // by chain id
};

}  // namespace stratos::bench
