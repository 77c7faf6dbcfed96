// SPDX-License-Identifier: Apache-2.0
// A device side that serves one CAN device as it should, but for one trick. It stands
// on the parts of the helper, so that a driver gets far enough to fall for the trick.

#pragma once

#include <linux/virtio_can.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "devices/can/can_device.h"
#include "hostile/restless_bus.h"
#include "links/shm/attachment.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "virtio/instance.h"
#include "virtio/link_machine.h"
#include "virtio/msg_codec.h"
#include "virtio/msg_endpoint.h"
#include "virtio/packed_position.h"

namespace stratos::guest {

class HostileDevice;

// The rings that the device side offers.
enum class RingKind : uint8_t { kPacked, kSplit };

// One way to misbehave. A trick that is never played is a test that tests nothing, so
// each says played() once it was.
struct Trick {
  std::string_view name;
  // Before a request is served: false swallows it.
  std::function<bool(HostileDevice&, const virtio::MessageHeader&)> accept{};
  // After: may change the response, whose first `size` bytes are valid; returns its size.
  std::function<size_t(HostileDevice&, const virtio::MessageHeader&, std::span<std::byte> reply,
                       size_t size)>
      answer{};
  // At the end of each turn in which the link runs.
  std::function<void(HostileDevice&)> turn{};
  // Instead of the honest service of the queues.
  std::function<void(HostileDevice&)> serve{};
  // No heartbeat, no state machine: as if the process hung.
  bool hangs_when_started = false;
  // A trick that makes sense with one kind of ring only.
  std::optional<RingKind> only{};
  // Why Linux's split rings cannot stand it, if they cannot.
  std::string_view breaks_split{};
  // The driver finds out before there is an interface.
  bool nips_in_the_bud = false;
};

class HostileDevice final : private virtio::InstanceHost, private runtime::TurnHook {
 public:
  static constexpr uint16_t kNumber = 0;

  HostileDevice(runtime::Loop& loop, const Trick& trick, RingKind rings);
  void attach(std::unique_ptr<links::Attachment> attachment);

  // ---- For the tricks ----
  void played();
  bool was_played() const { return played_; }
  bool driver_ok() const;
  virtio::MsgEndpoint& endpoint() { return endpoint_; }
  const virtio::Layout& layout() const { return layout_; }
  std::span<std::byte> region() { return attachment_->region(); }
  // A queue of the device, as the driver set it up.
  const virtio::QueueSetup& queue(uint16_t index) const;
  // How far a raw packed ring got with a queue.
  virtio::PackedPosition& packed_position(uint16_t index) { return positions_[index]; }
  // Bytes of the device's memory at an address of the driver; null if there are none.
  std::byte* at(uint64_t address, uint64_t length) const;
  // Sends these bytes as a message.
  void send(std::span<const std::byte> message);
  // Tells the driver that the queue has used chains.
  void notify_queue(uint16_t index);
  void ring() { attachment_->ring(endpoint_.peer_doorbell()); }
  void serve_honestly();
  // Turns since DRIVER_OK.
  unsigned age() const { return age_; }

 private:
  bool on_turn_end() override;
  bool on_sleep() override;
  void step_link();
  void receive_messages();
  size_t respond(const virtio::MessageHeader& request, std::span<const std::byte> payload);
  void work();

  void wants_turn(uint16_t) override {}
  void notify_used(uint16_t number, uint16_t queue) override;
  void notify_config(uint16_t number) override;
  void persist(uint16_t) override {}
  void report(virtio::Event, uint16_t, uint32_t) override {}

  runtime::Loop& loop_;
  const Trick& trick_;
  const RingKind rings_;
  RestlessBus bus_;
  can::StaticStorage<> storage_;
  can::CanDevice can_;
  std::unique_ptr<links::Attachment> attachment_;
  virtio::Layout layout_;
  virtio::Extent extent_;
  virtio::Window window_;
  virtio::MsgEndpoint endpoint_;
  virtio::LinkMachine machine_;
  virtio::Instance instance_;
  runtime::Timer beat_;
  std::vector<std::byte> slot_;
  std::vector<std::byte> reply_;
  std::array<virtio::PackedPosition, VIRTIO_CAN_QUEUE_COUNT> positions_;
  unsigned age_ = 0;
  bool played_ = false;
};

}  // namespace stratos::guest
