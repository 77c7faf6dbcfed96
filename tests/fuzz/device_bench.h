// SPDX-License-Identifier: Apache-2.0
// A device model behind an Instance, and a driver that sends it whatever it likes over
// rings that are in order: what a fuzzer changes are the bytes of the requests.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "driver_memory.h"
#include "driver_queue.h"
#include "input.h"
#include "virtio/instance.h"

namespace stratos::fuzz {

class DeviceBench final : private virtio::InstanceHost {
 public:
  // `device` outlives the bench.
  DeviceBench(virtio::Device& device, Input& input);
  ~DeviceBench();

  // Does one of the things that a driver can do; the fuzzer of a device adds what its
  // ports can do.
  void step();

 private:
  void wants_turn(uint16_t) override {}
  void notify_used(uint16_t, uint16_t) override {}
  void notify_config(uint16_t) override {}
  void persist(uint16_t) override {}
  void report(virtio::Event, uint16_t, uint32_t) override {}

  void bind();
  void start();
  void post();
  void turn();
  void change_device();

  virtio::Device& device_;
  Input& input_;
  test::DriverMemory memory_;
  std::optional<test::DriverMemory> ring_memory_;  // the beginning of it, anew for each start
  std::vector<std::unique_ptr<test::DriverQueue>> queues_;
  std::vector<std::vector<uint64_t>> records_;
  std::vector<virtio::InflightTable> tables_;
  virtio::Instance instance_;
  virtio::Time now_ = 0;
};

}  // namespace stratos::fuzz
