// SPDX-License-Identifier: Apache-2.0
// A driver's queue and a device's queue on the same memory.

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "driver_queue.h"
#include "packed_driver_queue.h"
#include "split_driver_queue.h"
#include "virtio/queue.h"

namespace stratos::test {

// The same numbers for the same seed, everywhere.
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t operator()() { return static_cast<uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

class QueueRig {
 public:
  explicit QueueRig(const virtio::QueueSetup& features, size_t memory_size = size_t{4} << 20)
      : memory_(memory_size),
        driver_(DriverQueue::make(memory_, features)),
        setup(driver_->setup()) {}

  DriverMemory& memory() { return memory_; }
  DriverQueue& driver() { return *driver_; }
  SplitDriverQueue& split() { return dynamic_cast<SplitDriverQueue&>(*driver_); }
  PackedDriverQueue& packed() { return dynamic_cast<PackedDriverQueue&>(*driver_); }
  virtio::Queue& device() { return device_; }

  virtio::QueueError start(virtio::InflightTable inflight = {}) {
    return device_.start(memory_.memory(), setup, inflight);
  }
  // A fresh buffer.
  Buffer buffer(uint32_t size) { return {memory_.allocate(size), size}; }
  // Adds and publishes one chain, which must have room.
  uint16_t offer(std::vector<Buffer> readable, std::vector<Buffer> writable,
                 bool indirect = false) {
    const std::optional<uint16_t> id = driver_->add(readable, writable, indirect);
    EXPECT_TRUE(id.has_value());
    driver_->publish();
    return id.value_or(0);
  }
  // Pops a chain, which must be there.
  virtio::Chain pop() {
    virtio::Chain chain;
    EXPECT_EQ(device_.pop(chain), virtio::PopResult::kChain) << virtio::to_string(device_.error());
    return chain;
  }

 private:
  DriverMemory memory_;
  std::unique_ptr<DriverQueue> driver_;
  virtio::Queue device_;

 public:
  virtio::QueueSetup setup;  // what start() uses
};

inline virtio::QueueSetup split_features(uint16_t size, bool event_idx = true) {
  return {.size = size, .packed = false, .event_idx = event_idx, .indirect = true};
}

inline virtio::QueueSetup packed_features(uint16_t size, bool event_idx = true) {
  return {.size = size, .packed = true, .event_idx = event_idx, .indirect = true};
}

// Names a row of a table of cases.
inline constexpr auto kCaseName = [](const auto& test) { return std::string(test.param.name); };

// Names the kinds of queue that most tests run with.
inline std::string features_name(const testing::TestParamInfo<virtio::QueueSetup>& info) {
  return std::string(info.param.packed ? "Packed" : "Split") + std::to_string(info.param.size) +
         (info.param.event_idx ? "EventIdx" : "Flags");
}

}  // namespace stratos::test
