// SPDX-License-Identifier: Apache-2.0
// CAN frames with their number in them.

#pragma once

#include <cstdint>
#include <vector>

#include "restart/checked_load.h"

namespace stratos::test {

class CanLoad final : public CheckedLoad {
 public:
  CanLoad(DriverMemory& memory, DriverQueue& tx);

 private:
  void write_request(uint64_t number, std::span<std::byte> out) override;
  void expect_answer(uint64_t number, std::span<const std::byte> in) override;
};

// Receives them.
class CanListener {
 public:
  CanListener(DriverMemory& memory, DriverQueue& rx);

  // Looks at all that came: numbers follow each other, or go back by at most as many as can be
  // under way, which a kill may repeat. Gives the buffers back.
  void listen();

  // The number that comes next.
  uint64_t expected() const { return expected_; }
  // How often it went back.
  unsigned jumps() const { return jumps_; }

 private:
  DriverMemory& memory_;
  DriverQueue& queue_;
  std::vector<Buffer> buffer_of_;  // by chain id
  uint64_t expected_ = 0;
  unsigned jumps_ = 0;
};

}  // namespace stratos::test
