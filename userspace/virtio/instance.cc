// SPDX-License-Identifier: Apache-2.0

#include "virtio/instance.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "virtio/checksum.h"
#include "virtio/wire.h"

namespace stratos::virtio {
namespace {

constexpr uint32_t queue_bit(uint32_t index) { return uint32_t{1} << index; }

// Calls `visit` with each queue of a set.
template <typename Visit>
void for_each_queue(uint32_t set, Visit&& visit) {
  for (; set != 0; set &= set - 1) visit(static_cast<uint16_t>(std::countr_zero(set)));
}

constexpr uint32_t kDriverStatus =
    kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk | kStatusFailed;
constexpr uint32_t kStatusStarted =
    kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk;

uint32_t queue_detail(uint32_t index, QueueError error) {
  return index << 16 | static_cast<uint32_t>(error);
}

}  // namespace

void Instance::bind(const Binding& binding) {
  binding_ = binding;
  status_ = 0;
  generation_ = 1;
  driver_features_ = 0;
  foreign_features_ = running_ = resetting_ = stop_due_ = false;
  active_ = config_event_ = false;
  changed_ = true;
  kicked_ = dirty_ = quiet_ = empty_ = 0;
  for (QueueSlot& slot : queues_) {
    slot.state = {};
    slot.counters = {};
    slot.popped_before = slot.queue.popped();
    slot.pushed_before = slot.queue.pushed();
  }
  saved_size_ = 0;
  counters_ = {};
}

void Instance::unbind() {
  stop_device();
  binding_ = {};
}

uint32_t Instance::identity() const {
  const DeviceType& type = binding_.device->type();
  std::array<std::byte, 16 + sizeof(uint16_t) * kMaxQueues> bytes{};
  WireWriter writer(bytes);
  writer.word(type.device_id);
  writer.word(type.config_size);
  writer.word(offered_features());
  for (uint16_t index = 0; index < queue_count(); ++index) writer.word(max_queue_size(index));
  return crc32(std::span(bytes).first(writer.position()));
}

// ---- Features ----

uint64_t Instance::offered_features() const {
  return binding_.device->features() | binding_.transport_features;
}

uint32_t Instance::feature_block(uint32_t index) const {
  return index < 2 ? static_cast<uint32_t>(offered_features() >> (32 * index)) : 0;
}

void Instance::set_feature_block(uint32_t index, uint32_t bits) {
  if (resetting_ || (status_ & kStatusFeaturesOk) != 0) return malformed();
  if (index >= 2) {
    foreign_features_ = foreign_features_ || bits != 0;
    return;
  }
  const uint32_t shift = 32 * index;
  driver_features_ &= ~(uint64_t{UINT32_MAX} << shift);
  driver_features_ |= uint64_t{bits} << shift;
  changed_ = true;
}

bool Instance::features_acceptable() const {
  const uint64_t foreign = driver_features_ & ~offered_features();
  const uint64_t missing = binding_.required_features & ~driver_features_;
  return foreign == 0 && missing == 0 && !foreign_features_ &&
         binding_.device->accept(driver_features_);
}

// ---- Status ----

uint32_t Instance::set_status(uint32_t value) {
  if (value == 0) {
    reset();
  } else if (!resetting_) {
    take_status(value);
  }
  return status_;
}

// A driver only adds bits; one that is not taken reads back clear.
void Instance::take_status(uint32_t value) {
  const uint32_t before = status_;
  const uint32_t added = value & kDriverStatus & ~status_;
  if ((status_ & kStatusStarted & ~value) != 0) malformed();
  status_ |= added & (kStatusAcknowledge | kStatusFailed);
  if ((added & kStatusDriver) != 0) {
    (status_ & kStatusAcknowledge) != 0 ? void(status_ |= kStatusDriver) : malformed();
  }
  if ((added & kStatusFeaturesOk) != 0) {
    if ((status_ & kStatusDriver) != 0 && features_acceptable()) {
      status_ |= kStatusFeaturesOk;
    } else {
      malformed();
      report(Event::kFeaturesRefused,
             static_cast<uint32_t>(driver_features_ & ~offered_features()));
    }
  }
  if ((added & kStatusDriverOk) != 0) begin_driver_ok();
  if ((added & kStatusFailed) != 0) {
    report(Event::kDeviceFailed);
    stop_device();
  }
  changed_ = changed_ || status_ != before;
}

void Instance::begin_driver_ok() {
  if ((status_ & (kStatusNeedsReset | kStatusFailed)) != 0) return malformed();
  if ((status_ & kStatusFeaturesOk) == 0 || !start_queues(false)) return break_device();
  status_ |= kStatusDriverOk;
  start_device();
  report(Event::kDeviceStarted);
}

bool Instance::start_queues(bool resume) {
  for (uint16_t index = 0; index < queue_count(); ++index) {
    if (queues_[index].state.enabled && !start_queue(index, resume)) return false;
  }
  return true;
}

bool Instance::start_queue(uint16_t index, bool resume) {
  QueueSlot& slot = queues_[index];
  const QueueError error =
      resume ? slot.queue.resume(binding_.memory, slot.state.setup, inflight(index))
             : slot.queue.start(binding_.memory, slot.state.setup, inflight(index));
  if (error == QueueError::kNone) return true;
  report(Event::kQueueBroken, queue_detail(index, error));
  return false;
}

void Instance::start_device() {
  ++counters_.starts;
  running_ = active_ = true;
  quiet_ = empty_ = 0;
  binding_.device->start(*this, driver_features_);
  // Buffers may have been made available before DRIVER_OK.
  for (uint16_t index = 0; index < queue_count(); ++index) {
    if (!queues_[index].state.enabled) continue;
    kicked_ |= queue_bit(index);
    dirty_ |= queue_bit(index);
  }
  want_turn();
}

void Instance::stop_device() {
  if (running_) binding_.device->stop();
  running_ = stop_due_ = active_ = false;
  kicked_ = dirty_ = quiet_ = empty_ = 0;
  for (QueueSlot& slot : queues_) slot.queue.stop();
}

void Instance::reset() {
  if (resetting_) return;
  stop_device();
  config_event_ = false;
  driver_features_ = 0;
  foreign_features_ = false;
  for (QueueSlot& slot : queues_) slot.state = {};
  changed_ = true;
  resetting_ = true;
  want_turn();
  poll_reset();
}

void Instance::poll_reset() {
  // Until then the driver must not take its memory back: the status says so.
  if (!resetting_ || !binding_.device->idle()) return;
  resetting_ = false;
  if (status_ == 0) return;
  status_ = 0;
  ++counters_.resets;
  report(Event::kDeviceReset);
}

void Instance::break_device() {
  if (resetting_ || (status_ & kStatusNeedsReset) != 0) return;
  status_ |= kStatusNeedsReset;
  changed_ = config_event_ = true;
  // Not here: this may be a call from within the device.
  stop_due_ = true;
  ++counters_.needs_reset;
  report(Event::kNeedsReset);
  want_turn();
}

void Instance::suspend() {
  record();
  // Who goes on with the rings wants to be kicked.
  prepare_sleep();
  stop_device();
}

// ---- Configuration space ----

namespace {
bool in_config(const Device& device, uint32_t offset, size_t size) {
  const uint64_t config_size = device.type().config_size;
  return size != 0 && offset <= config_size && size <= config_size - offset;
}
}  // namespace

bool Instance::read_config(uint32_t offset, std::span<std::byte> into) const {
  if (!in_config(*binding_.device, offset, into.size())) return false;
  binding_.device->read_config(offset, into);
  return true;
}

bool Instance::write_config(uint32_t generation, uint32_t offset, std::span<const std::byte> from) {
  if ((generation != 0 && generation != generation_) || resetting_ ||
      !in_config(*binding_.device, offset, from.size())) {
    malformed();
    return false;
  }
  active_ = true;
  want_turn();
  return binding_.device->write_config(offset, from);
}

// ---- Queues ----

uint16_t Instance::queue_count() const {
  return static_cast<uint16_t>(binding_.device->type().max_queue_sizes.size());
}

uint16_t Instance::max_queue_size(uint16_t index) const {
  return index < queue_count() ? binding_.device->type().max_queue_sizes[index] : 0;
}

InflightTable Instance::inflight(uint16_t index) const {
  return index < binding_.inflight.size() ? binding_.inflight[index] : InflightTable();
}

QueueSetup Instance::with_ring_features(QueueSetup setup) const {
  setup.packed = (driver_features_ & kFeatureRingPacked) != 0;
  setup.event_idx = (driver_features_ & kFeatureEventIdx) != 0;
  setup.indirect = (driver_features_ & kFeatureIndirectDesc) != 0;
  return setup;
}

// The queue itself knows the rules of its areas: have it try.
QueueError Instance::try_queue(uint32_t index, const QueueSetup& setup) {
  const bool in_time = (status_ & kStatusFeaturesOk) != 0 && (status_ & kStatusDriverOk) == 0;
  if (!in_time || index >= queue_count()) return QueueError::kNotStarted;
  const auto number = static_cast<uint16_t>(index);
  if (setup.size > max_queue_size(number)) return QueueError::kSize;
  Queue& queue = queues_[number].queue;
  const QueueError error = queue.start(binding_.memory, setup, inflight(number));
  queue.stop();
  return error;
}

bool Instance::set_queue(uint32_t index, const QueueSetup& setup, bool enable) {
  if (resetting_ || (status_ & kStatusNeedsReset) != 0) {
    malformed();
    return false;
  }
  const QueueSetup complete = with_ring_features(setup);
  const QueueError error = try_queue(index, complete);
  if (error != QueueError::kNone) {
    malformed();
    report(Event::kQueueRefused, queue_detail(index, error));
    break_device();
    return false;
  }
  queues_[index].state = {.setup = complete, .enabled = enable};
  changed_ = true;
  return true;
}

bool Instance::add_queue(uint16_t index, const QueueSetup& setup) {
  if (!running_ || stop_due_ || index >= queue_count() || queues_[index].state.enabled) {
    malformed();
    return false;
  }
  const bool fits = setup.size <= max_queue_size(index);
  if (!fits) report(Event::kQueueRefused, queue_detail(index, QueueError::kSize));
  queues_[index].state.setup = with_ring_features(setup);
  if (!fits || !start_queue(index, true)) {
    break_device();
    return false;
  }
  queues_[index].state.enabled = true;
  changed_ = active_ = true;
  kicked_ |= queue_bit(index);
  dirty_ |= queue_bit(index);
  want_turn();
  return true;
}

bool Instance::holds_chains() const {
  return std::any_of(queues_.begin(), queues_.begin() + queue_count(), [](const QueueSlot& slot) {
    return slot.queue.started() && slot.queue.holds_chains();
  });
}

QueueCounters Instance::queue_counters(uint16_t index) const {
  const QueueSlot& slot = queues_[index];
  QueueCounters counters = slot.counters;
  counters.chains = slot.queue.popped() - slot.popped_before;
  counters.used = slot.queue.pushed() - slot.pushed_before;
  return counters;
}

void Instance::kick(uint16_t index) {
  if (!running_ || index >= queue_count() || !queues_[index].state.enabled) return;
  ++queues_[index].counters.kicks;
  kicked_ |= queue_bit(index);
  want_turn();
}

// A broken queue breaks its device.
bool Instance::healthy(uint16_t index) {
  const QueueError error = queues_[index].queue.error();
  if (error == QueueError::kNone) return true;
  if (!stop_due_) report(Event::kQueueBroken, queue_detail(index, error));
  break_device();
  return false;
}

bool Instance::look() {
  uint32_t found = 0;
  for_each_queue(empty_, [&](uint16_t index) {
    hush(index);
    if (queues_[index].queue.look()) found |= queue_bit(index);
  });
  kicked_ |= found;
  empty_ &= ~found;
  return found != 0;
}

bool Instance::prepare_sleep() {
  for_each_queue(empty_ & quiet_, [this](uint16_t index) {
    quiet_ &= ~queue_bit(index);
    if (queues_[index].queue.enable_notifications()) kicked_ |= queue_bit(index);
  });
  empty_ &= ~kicked_;
  return kicked_ == 0;
}

bool Instance::service(Time now, uint32_t budget) {
  const uint32_t pending = std::exchange(kicked_, 0);
  for_each_queue(pending, [&](uint16_t index) {
    if (running_ && !stop_due_) serve_queue(index, now, budget);
  });
  return kicked_ != 0;
}

void Instance::serve_queue(uint16_t index, Time now, uint32_t budget) {
  active_ = true;
  dirty_ |= queue_bit(index);
  empty_ &= ~queue_bit(index);
  want_turn();
  const bool more = binding_.device->process(index, now, budget);
  if (!healthy(index)) return;
  if (!more) return arm(index);
  kicked_ |= queue_bit(index);
  hush(index);
}

void Instance::hush(uint16_t index) {
  if ((quiet_ & queue_bit(index)) == 0) queues_[index].queue.disable_notifications();
  quiet_ |= queue_bit(index);
}

// Asks the driver to kick if the device found its queue empty. A device that leaves
// chains in the queue on purpose wants no kick, and must not be asked again and again.
void Instance::arm(uint16_t index) {
  Queue& queue = queues_[index].queue;
  if (!queue.starved()) return;
  if (binding_.looks) {
    empty_ |= queue_bit(index);
    return hush(index);
  }
  quiet_ &= ~queue_bit(index);
  if (queue.enable_notifications()) kicked_ |= queue_bit(index);
}

bool Instance::flush() {
  if (running_ && !stop_due_) note_device_state();
  record();
  if (running_ && !stop_due_) {
    for_each_queue(std::exchange(dirty_, 0), [this](uint16_t index) {
      publish(index);
      arm(index);
    });
  }
  if (stop_due_) {
    record();
    stop_device();
  }
  poll_reset();
  if (std::exchange(config_event_, false)) binding_.host->notify_config(binding_.number);
  return kicked_ != 0;
}

void Instance::publish(uint16_t index) {
  QueueSlot& slot = queues_[index];
  if (!slot.state.enabled || !healthy(index)) return;
  const bool published = slot.queue.publish();
  // After resume() the answer is yes even if nothing was published.
  if (slot.queue.should_notify()) {
    ++slot.counters.notifications_sent;
    binding_.host->notify_used(binding_.number, index);
  } else if (published) {
    ++slot.counters.notifications_suppressed;
  }
}

// ---- What survives ----

void Instance::note_device_state() {
  if (!std::exchange(active_, false)) return;
  std::array<std::byte, Device::kMaxState> bytes{};
  const size_t size = std::min(binding_.device->save(bytes), bytes.size());
  if (size == saved_size_ && std::equal(bytes.begin(), bytes.begin() + size, saved_.begin())) {
    return;
  }
  saved_ = bytes;
  saved_size_ = static_cast<uint32_t>(size);
  changed_ = true;
}

void Instance::record() {
  if (std::exchange(changed_, false)) binding_.host->persist(binding_.number);
}

InstanceState Instance::state() const {
  InstanceState state;
  state.identity = identity();
  state.generation = generation_;
  if (resetting_) return state;
  state.status = status_;
  state.driver_features = driver_features_;
  for (uint16_t index = 0; index < queue_count(); ++index) {
    state.queues[index] = queues_[index].state;
  }
  state.device_state_size = saved_size_;
  state.device_state = saved_;
  return state;
}

bool Instance::restore(const InstanceState& state) {
  generation_ = std::max<uint32_t>(state.generation, 1);
  driver_features_ = state.driver_features;
  status_ = state.status & (kDriverStatus | kStatusNeedsReset);
  if ((status_ & kStatusNeedsReset) != 0) return true;
  const bool started = (status_ & kStatusDriverOk) != 0;
  const bool sane = state.identity == identity() && status_ == state.status &&
                    state.device_state_size <= saved_.size() &&
                    (!started || (status_ & kStatusStarted) == kStatusStarted) &&
                    ((status_ & kStatusFeaturesOk) == 0 || features_acceptable());
  // As if the driver had just asked for it: before DRIVER_OK.
  status_ &= ~kStatusDriverOk;
  for (uint16_t index = 0; sane && index < queue_count(); ++index) {
    QueueState queue = state.queues[index];
    queue.setup = with_ring_features(queue.setup);
    if (queue.enabled && queue.setup.size > max_queue_size(index)) queue = {};
    queues_[index].state = queue;
  }
  if (started) status_ |= kStatusDriverOk;
  if (!sane) {
    break_device();
    return false;
  }
  if (!started || (status_ & kStatusFailed) != 0) return true;

  saved_ = state.device_state;
  saved_size_ = state.device_state_size;
  if (!binding_.device->restore(std::span(saved_).first(saved_size_)) || !start_queues(true)) {
    break_device();
    return false;
  }
  start_device();
  report(Event::kDeviceResumed);
  return true;
}

// ---- Transport ----

Queue* Instance::queue(uint16_t index) {
  const bool usable = running_ && index < queue_count() && queues_[index].state.enabled;
  if (!usable) return nullptr;
  dirty_ |= queue_bit(index);
  want_turn();
  return &queues_[index].queue;
}

void Instance::completed(uint16_t index) {
  if (queue(index) != nullptr) active_ = true;
}

void Instance::serve_again(uint16_t index) {
  if (queue(index) != nullptr) kicked_ |= queue_bit(index);
}

void Instance::config_changed() {
  generation_ = std::max<uint32_t>(generation_ + 1, 1);
  changed_ = config_event_ = active_ = true;
  want_turn();
}

void Instance::needs_reset() { break_device(); }

}  // namespace stratos::virtio
