// SPDX-License-Identifier: Apache-2.0
// An RPMB device and its driver in one thread, through real rings: what the model costs
// beside the MACs and the disk that it cannot do without.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "devices/rpmb/rpmb_device.h"
#include "driver_memory.h"
#include "driver_queue.h"
#include "hosts/openssl_hmac.h"
#include "latencies.h"
#include "virtio/queue.h"

namespace stratos::bench {

// The key of the device that is measured.
inline constexpr rpmb::Key kRpmbKey{std::byte{1}, std::byte{2}, std::byte{3}};

// MACs of read responses that the same library makes in a second, and nothing else.
double macs_per_second(size_t count, uint16_t blocks);

class RpmbLoad final : private virtio::Transport {
 public:
  // `wait` returns when `store` may be through with what it is busy with.
  RpmbLoad(rpmb::Store& store, std::function<void()> wait);

  // Programs kRpmbKey.
  void program_key();
  // Reads of `blocks` blocks each that are answered in a second, a few in flight.
  double reads_per_second(size_t count, uint16_t blocks);
  // Writes of `blocks` blocks, one at a time, from the kick to the answer.
  Latencies writes(size_t count, uint16_t blocks);

 private:
  using Frame = std::array<std::byte, rpmb::kFrameSize>;

  test::Buffer place(const Frame& frame);
  void request(std::span<const test::Buffer> out);
  void expect_answered(uint64_t answered) const;

  virtio::Queue* queue(uint16_t) override { return &queue_; }
  void completed(uint16_t) override {}
  void serve_again(uint16_t) override {}
  void config_changed() override {}
  void needs_reset() override {}

  rpmb::RpmbDevice::Options options_{.max_read_blocks = rpmb::kMaxReadBlocks};
  std::function<void()> wait_;
  hosts::OpensslHmac hmac_;
  std::vector<std::byte> device_memory_;
  rpmb::RpmbDevice device_;
  test::DriverMemory memory_;
  std::unique_ptr<test::DriverQueue> driver_;
  virtio::Queue queue_;
  std::vector<test::Buffer> response_;  // one for all: nobody looks at it
};

}  // namespace stratos::bench
