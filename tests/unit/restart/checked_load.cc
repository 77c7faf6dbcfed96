// SPDX-License-Identifier: Apache-2.0

#include "restart/checked_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace stratos::test {

CheckedLoad::CheckedLoad(DriverMemory& memory, DriverQueue& queue, uint32_t out_size,
                         uint32_t in_size)
    : memory_(memory), queue_(queue), slot_of_(queue.setup().size) {
  for (size_t i = 0; i < kDepth; ++i) {
    slots_.push_back(
        {.out = {memory.allocate(out_size), out_size}, .in = {memory.allocate(in_size), in_size}});
    free_.push_back(i);
  }
}

void CheckedLoad::fill() {
  while (!free_.empty()) {
    const size_t index = free_.back();
    Slot& slot = slots_[index];
    slot.number = added_;
    write_request(slot.number, bytes(slot.out));
    std::ranges::fill(bytes(slot.in), std::byte{0xee});
    const auto id = queue_.add(std::array{slot.out}, std::array{slot.in});
    if (!id) throw std::logic_error("the ring is full");
    slot_of_[*id] = index;
    free_.pop_back();
    ++added_;
  }
  queue_.publish();
}

unsigned CheckedLoad::reap() {
  unsigned count = 0;
  while (const auto used = queue_.get_used()) {
    const size_t index = slot_of_[used->id];
    const Slot& slot = slots_[index];
    EXPECT_EQ(used->length, slot.in.size) << "request " << slot.number;
    expect_answer(slot.number, bytes(slot.in));
    free_.push_back(index);
    ++answered_;
    ++count;
  }
  return count;
}

}  // namespace stratos::test
