// SPDX-License-Identifier: Apache-2.0
// Numbered requests, some of them under way all the time, each of which has to be answered once and
// with what belongs to its number.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "driver_memory.h"
#include "driver_queue.h"

namespace stratos::test {

class CheckedLoad {
 public:
  static constexpr unsigned kDepth = 32;

  CheckedLoad(DriverMemory& memory, DriverQueue& queue, uint32_t out_size, uint32_t in_size);
  virtual ~CheckedLoad() = default;

  // Adds requests until kDepth are under way, and publishes them.
  void fill();
  // Checks all answers that came; returns how many. That the queue returns no chain that is not
  // under way is the queue's own check.
  unsigned reap();

  uint64_t added() const { return added_; }
  uint64_t answered() const { return answered_; }

 protected:
  virtual void write_request(uint64_t number, std::span<std::byte> out) = 0;
  // Fails the test if this is not the answer to that request.
  virtual void expect_answer(uint64_t number, std::span<const std::byte> in) = 0;

 private:
  struct Slot {
    Buffer out;
    Buffer in;
    uint64_t number = 0;
  };
  std::span<std::byte> bytes(const Buffer& buffer) const {
    return {memory_.at(buffer.address), buffer.size};
  }

  DriverMemory& memory_;
  DriverQueue& queue_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_;
  std::vector<size_t> slot_of_;  // by chain id
  uint64_t added_ = 0;
  uint64_t answered_ = 0;
};

}  // namespace stratos::test
