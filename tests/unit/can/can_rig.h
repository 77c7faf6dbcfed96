// SPDX-License-Identifier: Apache-2.0
// A CAN device between a driver with real queues and a fake bus.

#pragma once

#include <linux/virtio_can.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "can/fake_bus.h"
#include "devices/can/can_device.h"
#include "driver_memory.h"
#include "driver_queue.h"
#include "virtio/queue.h"

namespace stratos::test {

using Bytes = std::vector<std::byte>;

inline constexpr uint64_t kClassic = 1U << VIRTIO_CAN_F_CAN_CLASSIC;
inline constexpr uint64_t kFd = 1U << VIRTIO_CAN_F_CAN_FD;
inline constexpr uint64_t kRemote = 1U << VIRTIO_CAN_F_RTR_FRAMES;
inline constexpr uint64_t kLateTxAck = 1U << VIRTIO_CAN_F_LATE_TX_ACK;
inline constexpr uint64_t kAll = kClassic | kFd | kRemote | kLateTxAck;

// "0100 0200 ..." as bytes.
Bytes from_hex(std::string_view text);
// The Tx message of a driver for `frame`.
Bytes tx_message(const can::Frame& frame);
// A classic frame whose payload is `value`, four bytes long.
can::Frame numbered(uint32_t id, uint32_t value);
uint32_t number_of(const can::Frame& frame);

struct RigOptions {
  can::CanDevice::Options device;
  size_t tx_slots = 64;
  size_t backlog = 256;
  uint64_t features = kAll;
  bool packed = false;
};

class CanRig final : public virtio::Transport {
 public:
  explicit CanRig(const RigOptions& options = {}) : CanRig(options, nullptr) {}
  // On a bus of the test's instead of `bus`.
  CanRig(const RigOptions& options, can::Bus& shared) : CanRig(options, &shared) {}

  // ---- The driver ----
  // Adds a Tx request; its result is found by the returned key.
  size_t send(const Bytes& message, uint32_t result_size = 1);
  size_t send(const can::Frame& frame) { return send(tx_message(frame)); }
  // The result that the driver sees, if the chain was given back.
  std::optional<uint8_t> result(size_t key);
  // A control request: has it served and returns the result byte.
  std::optional<uint8_t> control(const Bytes& message, uint32_t result_size = 1);
  std::optional<uint8_t> start() { return control(from_hex("0102")); }
  std::optional<uint8_t> stop() { return control(from_hex("0202")); }
  void post_rx(size_t count, uint32_t size = 80);
  // What the driver received, in order, each cut to the used length.
  std::vector<Bytes> received();
  std::vector<can::Frame> received_frames();
  uint16_t status() const;

  // ---- The transport ----
  // Serves a queue until the device sees no more to do.
  void process(uint16_t queue);
  bool process(uint16_t queue, uint32_t budget);
  // DRIVER_OK on fresh queues.
  void connect();
  // Queue memory as a peer sees it.
  std::byte* memory_at(uint64_t address) { return memory_.at(address); }

  virtio::Queue* queue(uint16_t index) override { return &queues_[index]; }
  void completed(uint16_t index) override { ++completions[index]; }
  void serve_again(uint16_t) override {}
  void config_changed() override { ++config_changes; }
  void needs_reset() override { ++resets; }

  FakeBus bus;
  std::vector<can::TxSlot> slots;
  std::vector<can::Frame> backlog;
  can::CanDevice device;
  std::array<int, 3> completions{};
  int config_changes = 0;
  int resets = 0;

 private:
  struct Answer {
    uint64_t address = 0;
    std::optional<uint8_t> value;
    int times = 0;  // that the chain was given back
  };

  CanRig(const RigOptions& options, can::Bus* shared);
  void collect(uint16_t queue);

  const RigOptions options_;
  DriverMemory memory_;
  std::array<std::unique_ptr<DriverQueue>, 3> drivers_;
  std::array<virtio::Queue, 3> queues_;
  std::array<std::map<uint16_t, size_t>, 2> keys_;  // Tx and control: chain to answer
  std::deque<Answer> answers_;
  std::map<uint16_t, Buffer> rx_buffers_;
  std::vector<Bytes> received_;
};

}  // namespace stratos::test
