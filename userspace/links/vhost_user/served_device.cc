// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/served_device.h"

#include <algorithm>
#include <utility>

#include "virtio/features.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint32_t kStarting = virtio::kStatusAcknowledge | virtio::kStatusDriver;
constexpr uint32_t kStarted = kStarting | virtio::kStatusFeaturesOk | virtio::kStatusDriverOk;

constexpr uint32_t bit(uint16_t queue) { return uint32_t{1} << queue; }

bool is_packed(uint64_t features) { return (features & virtio::kFeatureRingPacked) != 0; }

bool same_place(const virtio::QueueSetup& a, const virtio::QueueSetup& b) {
  return a.size == b.size && a.desc == b.desc && a.driver == b.driver && a.device == b.device;
}

// Whether `state` can be that of the driver which set up what is wanted now.
bool is_of(const virtio::InstanceState& state, const ServedDevice::Wanted& wanted) {
  if (state.driver_features != wanted.features) return false;
  for (uint16_t queue = 0; queue < virtio::kMaxQueues; ++queue) {
    if ((wanted.queues & bit(queue)) == 0) continue;
    if (!same_place(state.queues[queue].setup, wanted.setups[queue])) return false;
  }
  return true;
}

}  // namespace

ServedDevice::ServedDevice(runtime::Loop& loop, virtio::Device& device, virtio::Observer& observer,
                           InflightRegion own_region, const Options& options)
    : loop_(loop),
      deadline_(loop, [] {}),
      device_(device),
      observer_(observer),
      options_(options),
      own_region_(std::move(own_region)) {
  instance_.bind({.number = options_.number,
                  .device = &device_,
                  .host = this,
                  .memory = {},
                  .transport_features = options_.transport_features,
                  .required_features = virtio::kFeatureVersion1,
                  .inflight = tables_,
                  .looks = true});
}

ServedDevice::~ServedDevice() {
  leave();
  instance_.unbind();
}

void ServedDevice::leave() {
  if (phase_ == Phase::kRunning || phase_ == Phase::kDraining) instance_.flush();
  instance_.suspend();
  phase_ = Phase::kSettling;
}

bool ServedDevice::acceptable(uint64_t features) const {
  return (features & ~offered_features()) == 0 && (features & virtio::kFeatureVersion1) != 0 &&
         device_.accept(features);
}

void ServedDevice::listen(Listener* listener) {
  listener_ = listener;
  own_state_ = false;
  stopped_ = 0;
}

// ---- Stopping ----

void ServedDevice::ask_quiet() {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kDraining;
  deadline_.start_once(options_.drain);
}

bool ServedDevice::serve(virtio::Time now) {
  if (phase_ == Phase::kRunning) {
    // Not only when a bell rang: while this side is awake the driver does not kick.
    if (instance_.look()) loop_.note_request();
    const bool more = instance_.service(now, options_.budget);
    return instance_.flush() || more;
  }
  instance_.flush();
  if (phase_ == Phase::kDraining && (!instance_.holds_chains() || !deadline_.running())) {
    go_quiet();
  }
  if (phase_ == Phase::kSettling && device_.idle()) phase_ = Phase::kQuiet;
  return false;
}

void ServedDevice::go_quiet() {
  deadline_.stop();
  instance_.suspend();
  saved_ = instance_.state();
  stopped_ |= std::exchange(running_, 0);
  phase_ = Phase::kSettling;
}

std::optional<virtio::QueuePosition> ServedDevice::take_position(uint16_t queue) {
  if ((stopped_ & bit(queue)) == 0) return std::nullopt;
  stopped_ &= ~bit(queue);
  InflightRegion::forget(tables_[queue]);
  return instance_.queue_position(queue);
}

void ServedDevice::keep_in(std::optional<InflightRegion> region) {
  // Whoever comes next says himself where his rings are.
  if (!given_region_) std::ranges::for_each(tables_, InflightRegion::forget);
  if (region) own_region_.clear();
  std::ranges::fill(tables_, virtio::InflightTable());
  given_region_ = std::move(region);
}

void ServedDevice::reset() {
  std::ranges::for_each(tables_, InflightRegion::forget);
  stopped_ = 0;
  instance_.reset();
}

void ServedDevice::load(const virtio::InstanceState& state) {
  saved_ = state;
  own_state_ = true;
}

void ServedDevice::forget() {
  reset();
  saved_.reset();
}

// ---- Starting ----

void ServedDevice::apply(const Wanted& wanted) {
  if (!wanted.on || wanted.queues == 0 || broken()) return;
  if (phase_ == Phase::kQuiet) return start(wanted);
  if (phase_ != Phase::kRunning) return;
  for (uint16_t queue = 0; queue < instance_.queue_count(); ++queue) {
    if ((wanted.queues & ~running_ & bit(queue)) == 0) continue;
    running_ |= bit(queue);
    if (!instance_.add_queue(queue, wanted.setups[queue])) return;
  }
}

// What is known of a driver that was there before: by this front-end, or in memory that it
// brought, or from a time when its queues were just where they are.
void ServedDevice::recognise(const Wanted& wanted, bool begun) {
  if (std::exchange(own_state_, true)) return;
  const auto& found = region().found_state();
  saved_.reset();
  if (given_region_ ? begun : found && is_of(*found, wanted)) saved_ = found;
}

// A driver that begins has all its queues at the beginning. One that does not goes on:
// after a pause here, with another back-end before, or with a predecessor that was killed.
void ServedDevice::start(const Wanted& wanted) {
  const bool packed = is_packed(wanted.features);
  region().lay_out(packed, std::span(tables_).first(instance_.queue_count()));
  instance_.set_memory(wanted.memory);
  const bool begun = InflightRegion::begun(tables_, packed);
  const bool certain = begun && (given_region_ || own_state_);
  recognise(wanted, begun);
  running_ = wanted.queues;
  phase_ = Phase::kRunning;
  if (certain || (wanted.moved && saved_)) {
    go_on(wanted);
  } else {
    begin_anew(wanted);
  }
}

void ServedDevice::begin_anew(const Wanted& wanted) {
  reset();
  region().forget_state();
  instance_.set_feature_block(0, static_cast<uint32_t>(wanted.features));
  instance_.set_feature_block(1, static_cast<uint32_t>(wanted.features >> 32));
  instance_.set_status(kStarting);
  instance_.set_status(kStarting | virtio::kStatusFeaturesOk);
  for (uint16_t queue = 0; queue < instance_.queue_count(); ++queue) {
    if ((wanted.queues & bit(queue)) == 0) continue;
    if (instance_.set_queue(queue, wanted.setups[queue], true)) continue;
    if (listener_ != nullptr) listener_->on_queue_broken(queue);
    return;
  }
  instance_.set_status(kStarted);
}

void ServedDevice::go_on(const Wanted& wanted) {
  virtio::InstanceState state;
  if (saved_) state = *saved_;
  if (!saved_) state.identity = instance_.identity();
  state.status = kStarted;
  state.driver_features = wanted.features;
  for (uint16_t queue = 0; queue < virtio::kMaxQueues; ++queue) {
    const bool there = (wanted.queues & bit(queue)) != 0;
    state.queues[queue] = {.setup = there ? wanted.setups[queue] : virtio::QueueSetup(),
                           .enabled = there};
  }
  instance_.restore(state);
}

// ---- For the instance ----

void ServedDevice::notify_used(uint16_t, uint16_t queue) {
  if (listener_ != nullptr) listener_->on_used(queue);
}

void ServedDevice::notify_config(uint16_t) {
  if (listener_ != nullptr) listener_->on_config_changed();
}

void ServedDevice::persist(uint16_t) {
  // Before the first start there is nothing that a successor would need.
  if (phase_ != Phase::kQuiet) region().store_state(instance_.state());
}

void ServedDevice::report(virtio::Event event, uint16_t number, uint32_t detail) {
  observer_.on_event(event, number, detail);
  if (event == virtio::Event::kQueueBroken && listener_ != nullptr) {
    listener_->on_queue_broken(static_cast<uint16_t>(detail >> 16));
  }
}

}  // namespace stratos::links::vhost_user
