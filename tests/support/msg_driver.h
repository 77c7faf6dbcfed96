// SPDX-License-Identifier: Apache-2.0
// The driver side of a link in user space, for tests and benchmarks: what virtio_msg.ko
// is in a guest.
//
// It works over any mapped region, in the process of the device side or in another one.
// What it cannot know comes from the caller: how to ring, what time it is, and what to
// do while it waits. For bad drivers, endpoint() and region() give access to everything.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "driver_memory.h"
#include "driver_queue.h"
#include "virtio/amp_layout.h"
#include "virtio/features.h"
#include "virtio/link_machine.h"
#include "virtio/msg_codec.h"
#include "virtio/msg_endpoint.h"

namespace stratos::test {

// A device as the driver set it up.
struct DriverDevice {
  uint16_t number = 0;
  virtio::DeviceInfo info;
  uint64_t features = 0;  // negotiated
  std::unique_ptr<DriverMemory> memory;
  std::vector<std::unique_ptr<DriverQueue>> queues;
};

// A message that arrived and answers nothing.
struct DriverEvent {
  virtio::MessageHeader header;
  std::vector<std::byte> payload;
};

class MsgDriver {
 public:
  struct Options {
    // Rings the device side's doorbell with the value that it published.
    std::function<void(uint32_t value)> ring;
    // Called while waiting for the device side: serve it, or sleep until it rings.
    std::function<void()> pump;
    // Monotonic time.
    std::function<virtio::Time()> now;
    uint32_t doorbell = 2U << 16;  // what the device side is to ring
    int patience = 1000;           // pumps before a wait is given up
    virtio::Time heartbeat_period = 250'000'000;
    virtio::Time dead_time = 5'000'000'000;
  };
  // The region has a valid layout with the Stratos part, else std::invalid_argument.
  MsgDriver(std::span<std::byte> region, Options options);

  // ---- The link ----
  // INIT with a new epoch: a driver side that just came up.
  void begin();
  // State machine, notifications and messages, without waiting. Rings where due.
  void poll();
  // begin() unless done, then polls and pumps until both sides run.
  bool connect();
  // Polls and pumps until `done` holds; false if patience ran out.
  bool wait_for(const std::function<bool()>& done);
  // SHUTDOWN, and the device side is told.
  void leave();
  virtio::LinkStatus status() const { return endpoint_.status(); }

  // ---- Requests; nothing if no valid response came ----
  template <typename Response, typename Request>
  std::optional<Response> call(uint8_t id, uint16_t device, const Request& request,
                               bool bus = false) {
    if (!transact(id, device, bus, encoder(request))) return std::nullopt;
    return virtio::decode<Response>(response_, layout_);
  }
  std::optional<std::vector<uint16_t>> enumerate();
  // Also finds out whether the device side speaks L1 or L2.
  std::optional<virtio::DeviceInfo> info(uint16_t device);
  std::optional<uint64_t> features(uint16_t device);
  bool set_features(uint16_t device, uint64_t features);
  std::optional<uint32_t> status(uint16_t device);
  std::optional<uint32_t> set_status(uint16_t device, uint32_t status);
  // Writes 0 and polls until the status is 0.
  bool reset(uint16_t device);
  bool set_queue(uint16_t device, uint32_t index, const virtio::QueueSetup& setup);
  std::optional<virtio::ShmInfo> memory(uint16_t device);
  virtio::WireLayout wire_layout() const { return layout_; }
  void use_layout(virtio::WireLayout layout) { layout_ = layout; }

  // From reset to DRIVER_OK. `wanted` features are taken if offered, next to the ones
  // that are always needed; queues get `queue_size` entries or their maximum.
  std::unique_ptr<DriverDevice> set_up(uint16_t device, uint64_t wanted = ~uint64_t{0},
                                       uint16_t queue_size = 64);

  // ---- Notifications and events ----
  void kick(uint16_t device, uint16_t queue);
  // Whether a used notification came for this queue since the last call.
  bool take_used(uint16_t device, uint16_t queue);
  std::optional<DriverEvent> take_event();
  // Sends a message without waiting, whatever it is.
  bool send_raw(std::span<const std::byte> message);
  // The need_wakeup protocol: false if there is something to do.
  bool prepare_sleep();

  // ---- For bad drivers ----
  virtio::MsgEndpoint& endpoint() { return endpoint_; }
  std::span<std::byte> region() { return region_; }
  const virtio::Layout& layout() const { return region_layout_; }

 private:
  using Encoder = std::function<size_t(std::span<std::byte>, const virtio::MessageHeader&)>;
  template <typename Request>
  Encoder encoder(const Request& request) const {
    return [this, request](std::span<std::byte> into, const virtio::MessageHeader& header) {
      return virtio::encode(into, header, request, layout_);
    };
  }
  bool transact(uint8_t id, uint16_t device, bool bus, const Encoder& encode);
  void receive_messages();
  void commit();
  void ring();

  std::span<std::byte> region_;
  virtio::Layout region_layout_;
  Options options_;
  virtio::MsgEndpoint endpoint_;
  virtio::LinkMachine machine_;
  virtio::WireLayout layout_ = virtio::WireLayout::kL2;
  bool begun_ = false;
  uint16_t token_ = 0;
  std::optional<virtio::MessageHeader> awaited_;
  std::vector<std::byte> response_;
  std::vector<bool> used_bits_;
  std::deque<DriverEvent> events_;
};

}  // namespace stratos::test
