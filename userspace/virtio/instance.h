// SPDX-License-Identifier: Apache-2.0
// One device bound to one driver: the virtio status machine, the features, the
// configuration space and the queues. Knows no message and no doorbell, so that
// every kind of link can carry it.
//
// The driver's side of the calls is hostile: each returns something sensible for
// every argument, and a broken rule costs this device alone.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/counters.h"
#include "virtio/device.h"
#include "virtio/features.h"
#include "virtio/limits.h"
#include "virtio/memory.h"
#include "virtio/observer.h"
#include "virtio/queue.h"

namespace stratos::virtio {

// What an instance asks of the link that carries it. No call re-enters the instance.
class InstanceHost {
 public:
  // There is something for service() or flush() of this instance to do.
  virtual void wants_turn(uint16_t number) = 0;
  // Used chains were published in `queue` and the driver wants to hear of it.
  virtual void notify_used(uint16_t number, uint16_t queue) = 0;
  // Status or configuration changed and the driver must hear of it.
  virtual void notify_config(uint16_t number) = 0;
  // state() changed. Record it now: what comes next is visible to the driver.
  virtual void persist(uint16_t number) = 0;
  virtual void report(Event event, uint16_t number, uint32_t detail) = 0;

 protected:
  ~InstanceHost() = default;
};

// A queue as the driver set it up.
struct QueueState {
  QueueSetup setup;  // size 0: not set up
  bool enabled = false;
};

// All that has to survive the helper's process, next to the inflight tables.
struct InstanceState {
  uint32_t identity = 0;  // Instance::identity() of who wrote this
  uint32_t status = 0;
  uint32_t generation = 0;
  uint64_t driver_features = 0;
  std::array<QueueState, kMaxQueues> queues{};
  uint32_t device_state_size = 0;
  std::array<std::byte, Device::kMaxState> device_state{};
};

class Instance final : public Transport {
 public:
  struct Binding {
    uint16_t number = 0;  // how the host knows it
    Device* device = nullptr;
    InstanceHost* host = nullptr;
    Memory memory;                    // what the driver's addresses mean
    uint64_t transport_features = 0;  // offered on top of the device's own
    uint64_t required_features = 0;   // FEATURES_OK is refused without them
    // One per queue, or empty if nothing is to survive the process.
    std::span<const InflightTable> inflight;
    // The link calls look() in each turn and prepare_sleep() before it waits; the driver is
    // asked to kick only then. Else it is asked whenever a queue was found empty.
    bool looks = false;
  };

  // Everything in the binding outlives it. The device has at most kMaxQueues queues.
  void bind(const Binding& binding);
  // Stops the device and lets go of it. The memory must stay mapped until
  // device.idle().
  void unbind();
  bool bound() const { return binding_.device != nullptr; }
  Device& device() const { return *binding_.device; }
  // Changes what addresses mean (vhost-user). Only while not running.
  void set_memory(const Memory& memory) { binding_.memory = memory; }
  // A number that changes when the device is not the one that it was: id, features,
  // configuration size, queues.
  uint32_t identity() const;

  // ---- For the driver's requests ----
  uint64_t offered_features() const;
  // Block `index` of 32 bits of what is offered; 0 beyond.
  uint32_t feature_block(uint32_t index) const;
  uint64_t driver_features() const { return driver_features_; }
  void set_feature_block(uint32_t index, uint32_t bits);

  uint32_t status() const { return status_; }
  // The driver writes `value`; returns the status that holds then. Writing 0 begins
  // a reset, which is over when status() is 0.
  uint32_t set_status(uint32_t value);

  uint32_t generation() const { return generation_; }
  // False if the range is empty or not within the configuration space.
  bool read_config(uint32_t offset, std::span<std::byte> into) const;
  // `generation` 0 is not checked. False if the write was refused; nothing changed then.
  bool write_config(uint32_t generation, uint32_t offset, std::span<const std::byte> from);

  uint16_t queue_count() const;
  uint16_t max_queue_size(uint16_t index) const;
  // `index` < queue_count().
  const QueueState& queue_state(uint16_t index) const { return queues_[index].state; }
  // Areas and size of a queue; `enable` also enables it. A refusal leaves it disabled
  // and sets DEVICE_NEEDS_RESET. Ring features are filled in from the negotiation.
  bool set_queue(uint32_t index, const QueueSetup& setup, bool enable);
  // The driver made buffers available.
  void kick(uint16_t index);

  // ---- For the link ----
  // With Binding::looks: has a look for chains where none were; true if there are some.
  // service() serves them.
  bool look();
  // With Binding::looks: asks the driver to kick. False if there is something to serve.
  bool prepare_sleep();
  // Serves kicked queues, at most `budget` chains each; true if more may be waiting.
  bool service(Time now, uint32_t budget);
  // End of a turn: records, publishes what was pushed, tells the host whom to notify.
  // True if there is more to serve: call service() again.
  bool flush();
  // Has state() persisted if it changed. Before an answer goes to the driver.
  void record();
  // True from DRIVER_OK until reset or a broken rule.
  bool running() const { return running_; }
  // A reset was asked for and the device is not idle yet: call poll_reset() or flush()
  // in every turn.
  bool resetting() const { return resetting_; }
  void poll_reset();
  // The link starts anew: as a reset by the driver.
  void reset();
  // Sets DEVICE_NEEDS_RESET, for a broken rule that the link found.
  void break_device();
  // The device stops and nothing that a successor needs is changed.
  void suspend();

  InstanceState state() const;
  // Goes on with `state`, which is checked as if the driver had sent it. False if it
  // makes no sense: the device then needs a reset. Only right after bind() or suspend().
  bool restore(const InstanceState& state);

  // For links where the driver starts and stops queues one by one (vhost-user).
  // Starts one more queue while the others run: from its inflight table, or where `setup`
  // says. A refusal breaks the device.
  bool add_queue(uint16_t index, const QueueSetup& setup);
  // Whether the device has taken chains that it has not given back.
  bool holds_chains() const;
  // Queue::position() of a queue. `index` < queue_count().
  QueuePosition queue_position(uint16_t index) const { return queues_[index].queue.position(); }

  const DeviceCounters& counters() const { return counters_; }
  DeviceCounters& counters() { return counters_; }
  // `index` < queue_count().
  QueueCounters queue_counters(uint16_t index) const;

  // ---- Transport, for the device ----
  Queue* queue(uint16_t index) override;
  void completed(uint16_t index) override;
  void serve_again(uint16_t index) override;
  void config_changed() override;
  void needs_reset() override;

 private:
  struct QueueSlot {
    Queue queue;
    QueueState state;
    QueueCounters counters;
    uint32_t popped_before = 0;  // what the queue had counted at bind()
    uint32_t pushed_before = 0;
  };

  QueueSetup with_ring_features(QueueSetup setup) const;
  QueueError try_queue(uint32_t index, const QueueSetup& setup);
  InflightTable inflight(uint16_t index) const;
  bool features_acceptable() const;
  void take_status(uint32_t value);
  void begin_driver_ok();
  bool start_queues(bool resume);
  bool start_queue(uint16_t index, bool resume);
  void start_device();
  void stop_device();
  void finish_reset();
  bool healthy(uint16_t index);
  void serve_queue(uint16_t index, Time now, uint32_t budget);
  void hush(uint16_t index);
  void arm(uint16_t index);
  void publish(uint16_t index);
  void note_device_state();
  void malformed() { ++counters_.malformed; }
  void report(Event event, uint32_t detail = 0) {
    binding_.host->report(event, binding_.number, detail);
  }
  void want_turn() { binding_.host->wants_turn(binding_.number); }

  Binding binding_;
  uint32_t status_ = 0;
  uint32_t generation_ = 1;
  uint64_t driver_features_ = 0;
  bool foreign_features_ = false;  // bits above 63, which nobody offers
  bool running_ = false;
  bool resetting_ = false;
  bool stop_due_ = false;      // broken: flush() stops the device
  bool changed_ = false;       // state() is not what was persisted
  bool active_ = false;        // the device ran since its state was looked at
  bool config_event_ = false;  // the driver must hear of status or configuration
  uint32_t kicked_ = 0;        // sets of queues: to be served,
  uint32_t dirty_ = 0;         // to be published,
  uint32_t quiet_ = 0;         // whose driver was asked not to kick,
  uint32_t empty_ = 0;         // to be looked at
  std::array<QueueSlot, kMaxQueues> queues_;
  uint32_t saved_size_ = 0;
  std::array<std::byte, Device::kMaxState> saved_{};
  DeviceCounters counters_;
};

}  // namespace stratos::virtio
