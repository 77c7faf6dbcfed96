// SPDX-License-Identifier: Apache-2.0
// The device side of a link: one driver side, one region, many devices.
// Documentation/transport.rst is the text behind it.
//
// Use: attach(), add_device() for each device, start(). Then in every turn of the
// loop service() and flush(); prepare_sleep() before the thread sleeps; and again
// at next_deadline() at the latest. One thread, no locks.
//
// A MsgLink holds the storage of all its devices and queues: see limits.h. It is too
// large for a stack. What belongs to a device number is not touched before that device
// is added.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "virtio/amp_layout.h"
#include "virtio/counters.h"
#include "virtio/device.h"
#include "virtio/device_set.h"
#include "virtio/features.h"
#include "virtio/instance.h"
#include "virtio/late_array.h"
#include "virtio/limits.h"
#include "virtio/link_machine.h"
#include "virtio/msg_codec.h"
#include "virtio/msg_endpoint.h"
#include "virtio/observer.h"
#include "virtio/state_record.h"

namespace stratos::virtio {

// How the driver side is woken. `value` is what the driver side published, so it is
// untrusted: a link that knows better whom to ring ignores it.
class Doorbell {
 public:
  virtual void ring(uint32_t value) = 0;

 protected:
  ~Doorbell() = default;
};

enum class LinkError : uint8_t {
  kLayout,           // page 0 is not valid: see read_layout()
  kNoExtension,      // a layout without the Stratos part has no memory for devices
  kPrivateTooSmall,  // no room for the state records
  kNumber,           // a device number out of range, or taken
  kQueues,           // the device has more queues than kMaxQueues, or one too large
  kNoMemory,         // the pool is exhausted
  kNoPrivateMemory,  // the private area is exhausted
};

const char* to_string(LinkError error);

struct LinkOptions {
  WireLayout layout = WireLayout::kL2;  // what is sent
  uint32_t doorbell = 0;                // what the driver side writes to reach us
  uint32_t vendor_id = 0;
  uint64_t ring_features = kFeatureEventIdx | kFeatureRingPacked;
  Time heartbeat_period = 250'000'000;
  Time dead_time = 5'000'000'000;
};

class MsgLink final : private InstanceHost {
 public:
  // Not defaulted, lest `new MsgLink()` zero the storage of all devices beforehand.
  MsgLink() {}

  // `region`, `doorbell`, `observer` and the devices outlive the link or detach().
  // Checks page 0 and looks for the state of a predecessor; writes nothing yet.
  std::expected<void, LinkError> attach(std::span<std::byte> region, Doorbell& doorbell,
                                        Observer& observer, const LinkOptions& options);

  // Adds a device with `memory_size` bytes of the pool (rounded up to 4096). Its place
  // is the one that it had under a predecessor. After start() this is hot plug: the
  // driver side is told.
  std::expected<void, LinkError> add_device(uint16_t number, Device& device, uint64_t memory_size);
  // Removes it; the driver side is told. Its memory must stay mapped, and no device be
  // added in its place, until device.idle().
  void remove_device(uint16_t number);

  // Goes on where a predecessor stopped (true), or begins a new epoch (false).
  bool start(Time now);
  // Receives notifications and messages and serves queues, at most `budget` chains
  // each. True if there is more to do now. Includes tick().
  bool service(Time now, uint32_t budget);
  // End of a turn: publishes, notifies, rings at most once. True if service() has to
  // be called again.
  bool flush();
  // Asks the driver side for a ring. False if work showed up meanwhile.
  bool prepare_sleep();
  // Heartbeat, the link's state machine, the death of the peer.
  void tick(Time now);
  // When service() must be called at the latest.
  Time next_deadline(Time now) const;

  // Leaves for good: the driver side is told, devices are stopped.
  void shut_down();
  // Stops the devices and leaves everything to a successor.
  void detach();

  LinkStatus status() const { return endpoint_.status(); }
  uint32_t epoch() const { return endpoint_.epoch(); }
  uint32_t peer_epoch() const { return endpoint_.peer_epoch(); }
  // What the driver side wrote last: for status reports, not to be relied on.
  uint32_t peer_heartbeat() const { return endpoint_.peer_heartbeat(); }
  const Layout& layout() const { return layout_; }
  const LinkOptions& options() const { return options_; }
  // nullptr if there is no such device.
  const Instance* instance(uint16_t number) const;
  // Where the device's memory lies in the region.
  Extent memory(uint16_t number) const;
  const LinkCounters& counters() const { return counters_; }

 private:
  struct Slot {
    Instance instance;
    std::array<InflightTable, kMaxQueues> inflight;
    Window window;
    Extent memory;
    Extent storage;
  };

  // InstanceHost
  void wants_turn(uint16_t number) override { attention_ |= device_bit(number); }
  void notify_used(uint16_t number, uint16_t queue) override {
    endpoint_.notify(endpoint_.bit_of(number, queue));
  }
  void notify_config(uint16_t number) override { config_events_ |= device_bit(number); }
  void persist(uint16_t number) override;
  void report(Event event, uint16_t number, uint32_t detail) override {
    observer_->on_event(event, number, detail);
  }
  void report(Event event, uint32_t detail) {
    observer_->on_event(event, Observer::kNoDevice, detail);
  }

  // Life of devices (link_devices.cc)
  uint32_t records_tag() const;
  void adopt_extents();
  std::optional<LinkError> place(uint16_t number, uint64_t memory_size, uint64_t storage_size);
  std::span<const Extent> taken(Extent Slot::*which, std::span<Extent> buffer) const;
  std::span<std::byte> bytes(const Extent& extent) const;
  Extent storage_space() const;
  void bind(uint16_t number, Device& device);
  void resume_devices();
  void resume_device(uint16_t number);
  void reset_devices();
  void break_devices();

  // Messages (link_messages.cc)
  void receive_messages();
  bool handle_message();
  std::expected<size_t, MessageError> serve_message(const MessageHeader& header,
                                                    std::span<const std::byte> payload);
  std::expected<size_t, MessageError> serve_bus(const MessageHeader& header,
                                                std::span<const std::byte> payload);
  void drop(MessageError error, const MessageHeader& header);
  void send_events();
  bool send_device_events(DeviceSet& events, uint16_t state);
  bool send_config_events();
  bool send(size_t size);
  std::span<std::byte> buffer(std::span<std::byte> whole) const {
    return whole.first(std::min<size_t>(whole.size(), layout_.element_size));
  }

  void apply(LinkChange change);
  void kick_bit(uint32_t bit);
  bool serve_devices(Time now, uint32_t budget);
  bool flush_devices();
  bool messages_due() const { return look_ && !stalled_ && status() == LinkStatus::kRun; }
  void ring();

  std::span<std::byte> region_;
  Layout layout_;
  Doorbell* doorbell_ = nullptr;
  Observer* observer_ = nullptr;
  LinkOptions options_;
  MsgEndpoint endpoint_;
  LinkMachine machine_;
  StateRecords records_;
  LinkCounters counters_;

  bool started_ = false;
  bool resumable_ = false;  // a predecessor left a link in RUN
  bool ring_due_ = false;   // ring even if the peer does not ask
  bool asleep_ = false;     // need_wakeup is set
  bool look_ = false;       // there may be messages
  bool stalled_ = false;    // the driver side has to make room for a message
  Time now_ = 0;
  DeviceSet present_ = 0;         // devices that were added
  DeviceSet reserved_ = 0;        // devices of a predecessor that were not added yet
  DeviceSet replaced_ = 0;        // added, and not what the driver side knows
  DeviceSet attention_ = 0;       // to be served and flushed
  DeviceSet waiting_ = 0;         // being reset, until the device is idle
  DeviceSet config_events_ = 0;   // EVENT_CONFIG to be sent
  DeviceSet removed_events_ = 0;  // EVENT_DEVICE removed to be sent
  DeviceSet ready_events_ = 0;    // EVENT_DEVICE ready to be sent, after that
  uint16_t first_served_ = 0;     // devices take turns in being first
  std::array<std::byte, kMaxMessage> in_{};
  std::array<std::byte, kMaxMessage> out_{};
  LateArray<Slot, kMaxDevices> slots_;  // of devices that are or were present or reserved
};

}  // namespace stratos::virtio
