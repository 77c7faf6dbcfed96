// SPDX-License-Identifier: Apache-2.0
// The device of a vhost-user link, and the queues that a front-end set up for it.
//
// A front-end starts and stops queues one by one and changes memory under a running
// device, where a virtio driver does all of that once. So whatever cannot be changed while
// the device runs is changed between ask_quiet() and apply(): the device gives back what
// it has, stops, and goes on from its inflight tables with what is wanted then.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "links/vhost_user/inflight_region.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "virtio/instance.h"
#include "virtio/limits.h"
#include "virtio/memory.h"
#include "virtio/observer.h"

namespace stratos::links::vhost_user {

class ServedDevice final : private virtio::InstanceHost {
 public:
  // Who passes things on to the front-end.
  class Listener {
   public:
    virtual void on_used(uint16_t queue) = 0;
    virtual void on_config_changed() = 0;
    virtual void on_queue_broken(uint16_t queue) = 0;

   protected:
    ~Listener() = default;
  };
  struct Options {
    uint16_t number = 0;  // for the observer
    uint64_t transport_features = 0;
    uint32_t budget = 64;  // chains that are served before other work has its turn
    // How long chains that the device has taken may hold up a change.
    std::chrono::milliseconds drain{500};
  };
  // What is to run.
  struct Wanted {
    bool on = false;
    bool moved = false;  // a ring of the driver, not only of those below, is not at its beginning
    uint64_t features = 0;
    virtio::Memory memory;
    uint32_t queues = 0;  // a set
    std::array<virtio::QueueSetup, virtio::kMaxQueues> setups{};
  };

  // All arguments outlive this.
  ServedDevice(runtime::Loop& loop, virtio::Device& device, virtio::Observer& observer,
               InflightRegion own_region, const Options& options);
  ~ServedDevice();
  ServedDevice(const ServedDevice&) = delete;
  ServedDevice& operator=(const ServedDevice&) = delete;

  const virtio::Instance& instance() const { return instance_; }
  uint64_t offered_features() const { return instance_.offered_features(); }
  // Whether a driver may have these.
  bool acceptable(uint64_t features) const;
  bool read_config(uint32_t offset, std::span<std::byte> into) const {
    return instance_.read_config(offset, into);
  }
  bool write_config(uint32_t offset, std::span<const std::byte> from) {
    return instance_.write_config(0, offset, from);
  }
  bool broken() const { return (instance_.status() & virtio::kStatusNeedsReset) != 0; }
  bool running(uint16_t queue) const { return (running_ & (uint32_t{1} << queue)) != 0; }
  bool running() const { return running_ != 0; }

  // Leaves everything to a successor. The memory is not used from here on, if the model is
  // idle().
  void leave();

  // A front-end comes: nothing is known of its driver. `nullptr`: it went.
  void listen(Listener* listener);

  // Begins to stop. Done when quiet() holds, in a later turn.
  void ask_quiet();
  // Nothing runs, and nothing touches the memory.
  bool quiet() const { return phase_ == Phase::kQuiet; }
  // Starts what is wanted and does not run. While stopping, nothing happens.
  void apply(const Wanted& wanted);
  // Where a queue that ran has stopped; nullopt if it never did. It is forgotten: the next
  // start is where its setup says. Not while it runs.
  std::optional<virtio::QueuePosition> take_position(uint16_t queue);
  // While quiet: the front-end's memory for what survives; nullopt: it has none.
  void keep_in(std::optional<InflightRegion> region);
  bool region_cut_off() const { return given_region_ && given_region_->cut_off(); }
  // While quiet: a device that a driver can begin anew with.
  void reset();
  // While quiet: also without what the device itself remembers.
  void forget();

  // While quiet: the device's own state, for migration; nullopt if it has none yet.
  const std::optional<virtio::InstanceState>& saved() const { return saved_; }
  void load(const virtio::InstanceState& state);

  void kick(uint16_t queue) { instance_.kick(queue); }
  // A turn's work; true if there is more at once.
  bool serve(virtio::Time now);
  // Nothing is to be done: has the driver kick. False if there is something after all.
  bool prepare_sleep() { return phase_ != Phase::kRunning || instance_.prepare_sleep(); }

 private:
  enum class Phase : uint8_t { kQuiet, kRunning, kDraining, kSettling };

  void wants_turn(uint16_t) override {}
  void notify_used(uint16_t, uint16_t queue) override;
  void notify_config(uint16_t) override;
  void persist(uint16_t) override;
  void report(virtio::Event event, uint16_t number, uint32_t detail) override;

  InflightRegion& region() { return given_region_ ? *given_region_ : own_region_; }
  void recognise(const Wanted& wanted, bool begun);
  void start(const Wanted& wanted);
  void begin_anew(const Wanted& wanted);
  void go_on(const Wanted& wanted);
  void go_quiet();

  runtime::Loop& loop_;
  runtime::Timer deadline_;  // of draining; the turn that it causes does the work
  virtio::Device& device_;
  virtio::Observer& observer_;
  Options options_;
  Listener* listener_ = nullptr;
  InflightRegion own_region_;
  std::optional<InflightRegion> given_region_;
  std::array<virtio::InflightTable, virtio::kMaxQueues> tables_{};
  virtio::Instance instance_;
  Phase phase_ = Phase::kQuiet;
  uint32_t running_ = 0;    // sets of queues: that run,
  uint32_t stopped_ = 0;    // whose position is known
  bool own_state_ = false;  // saved_ is certain to be that of this front-end's driver
  std::optional<virtio::InstanceState> saved_;
};

}  // namespace stratos::links::vhost_user
