// SPDX-License-Identifier: Apache-2.0
// The turns of a link. Its devices are in link_devices.cc, its messages in
// link_messages.cc.

#include "virtio/msg_link.h"

#include <algorithm>
#include <utility>

namespace stratos::virtio {
namespace {

// A driver side that does not drain its messages is looked at this often.
constexpr Time kStallRetry = 10'000'000;

// Changes of the link that one call looks at: no peer can hold us in a loop.
constexpr int kMaxChanges = 4;

}  // namespace

const char* to_string(LinkError error) {
  switch (error) {
    case LinkError::kLayout:
      return "the layout is not valid";
    case LinkError::kNoExtension:
      return "the layout has no memory for devices";
    case LinkError::kPrivateTooSmall:
      return "the private area is too small";
    case LinkError::kNumber:
      return "bad device number";
    case LinkError::kQueues:
      return "too many or too large queues";
    case LinkError::kNoMemory:
      return "no room in the pool";
    case LinkError::kNoPrivateMemory:
      return "no room in the private area";
  }
  return "unknown";
}

std::expected<void, LinkError> MsgLink::attach(std::span<std::byte> region, Doorbell& doorbell,
                                               Observer& observer, const LinkOptions& options) {
  const auto layout = read_layout(region);
  if (!layout) return std::unexpected(LinkError::kLayout);
  if (!layout->extended) return std::unexpected(LinkError::kNoExtension);
  const Extent& area = layout->device_private;
  if (area.size < StateRecords::table_size()) return std::unexpected(LinkError::kPrivateTooSmall);

  region_ = region;
  layout_ = *layout;
  doorbell_ = &doorbell;
  observer_ = &observer;
  options_ = options;
  counters_ = {};
  started_ = ring_due_ = asleep_ = look_ = stalled_ = false;
  present_ = reserved_ = replaced_ = attention_ = waiting_ = 0;
  config_events_ = removed_events_ = ready_events_ = 0;
  endpoint_.attach(region, layout_, Role::kDevice);
  machine_.attach(endpoint_, options.heartbeat_period, options.dead_time);
  const bool records = records_.attach(bytes(area), records_tag());
  resumable_ = endpoint_.load() && endpoint_.status() == LinkStatus::kRun && records;
  if (resumable_) adopt_extents();
  return {};
}

bool MsgLink::start(Time now) {
  now_ = now;
  started_ = ring_due_ = true;
  endpoint_.set_doorbell(options_.doorbell);
  endpoint_.set_need_wakeup(false);
  if (resumable_) {
    machine_.resume(now);
    report(Event::kLinkResumed, endpoint_.epoch());
    resume_devices();
    // Whatever the predecessor had acknowledged may not have been served.
    look_ = true;
    return true;
  }
  // First the new epoch, which makes old records void; then they may go.
  machine_.begin(now);
  report(Event::kLinkInit, endpoint_.epoch());
  records_.format(records_tag());
  reserved_ = replaced_ = 0;
  for_each_device(present_, [this](uint16_t number) { slots_[number].instance.record(); });
  return false;
}

void MsgLink::tick(Time now) {
  now_ = now;
  for (int round = 0; round < kMaxChanges; ++round) {
    const LinkChange change = machine_.step(now);
    if (change == LinkChange::kNothing) return;
    apply(change);
  }
}

void MsgLink::apply(LinkChange change) {
  ring_due_ = true;
  switch (change) {
    case LinkChange::kNothing:
    case LinkChange::kReady:
      break;
    case LinkChange::kRunning:
      look_ = true;
      report(Event::kLinkRunning, endpoint_.peer_epoch());
      break;
    case LinkChange::kPeerRestarted:
    case LinkChange::kPeerBack:
      ++counters_.peer_restarts;
      report(Event::kPeerRestarted, 0);
      report(Event::kLinkInit, endpoint_.epoch());
      reset_devices();
      break;
    case LinkChange::kPeerShutdown:
      report(Event::kPeerShutdown, 0);
      break_devices();
      break;
    case LinkChange::kPeerDead:
      ++counters_.peer_deaths;
      report(Event::kPeerDead, 0);
      break_devices();
      break;
  }
}

bool MsgLink::service(Time now, uint32_t budget) {
  if (asleep_) endpoint_.set_need_wakeup(false);
  asleep_ = stalled_ = false;
  tick(now);
  if (status() == LinkStatus::kRun) {
    endpoint_.take_pending([this](uint32_t bit) { kick_bit(bit); });
    if (look_) receive_messages();
  }
  const bool more = serve_devices(now, budget);
  return more || messages_due();
}

void MsgLink::kick_bit(uint32_t bit) {
  ++counters_.notifications_received;
  if (bit == MsgEndpoint::kMessageBit) {
    look_ = true;
    return;
  }
  const uint32_t number = bit / layout_.vq_notif - 1;  // wraps for the unused bits of 0
  const uint32_t first = bit % layout_.vq_notif;
  if (number >= kMaxDevices || (present_ & device_bit(number)) == 0 ||
      first >= slots_[number].instance.queue_count()) {
    ++counters_.notifications_bogus;
    report(Event::kBogusNotification, bit);
    return;
  }
  Instance& instance = slots_[number].instance;
  for (uint32_t queue = first; queue < instance.queue_count(); queue += layout_.vq_notif) {
    instance.kick(static_cast<uint16_t>(queue));
  }
}

bool MsgLink::serve_devices(Time now, uint32_t budget) {
  bool more = false;
  const auto serve = [&](uint16_t number) {
    more = slots_[number].instance.service(now, budget) || more;
  };
  const DeviceSet due = attention_;
  const DeviceSet before = device_bit(first_served_) - 1;
  for_each_device(due & ~before, serve);
  for_each_device(due & before, serve);
  first_served_ = static_cast<uint16_t>((first_served_ + 1) % kMaxDevices);
  return more;
}

bool MsgLink::flush_devices() {
  DeviceSet more = 0;
  for_each_device(std::exchange(attention_, 0) | waiting_, [&](uint16_t number) {
    Instance& instance = slots_[number].instance;
    if (instance.flush()) more |= device_bit(number);
    if (instance.resetting()) {
      waiting_ |= device_bit(number);
    } else {
      waiting_ &= ~device_bit(number);
    }
  });
  attention_ |= more;
  return attention_ != 0;
}

bool MsgLink::flush() {
  const bool more = flush_devices();
  if (status() == LinkStatus::kRun) {
    send_events();
    const Wake wake = endpoint_.commit();
    if (wake == Wake::kRing) ring_due_ = true;
    if (wake == Wake::kAwake && !ring_due_) ++counters_.rings_saved;
  }
  if (ring_due_) ring();
  return more || messages_due();
}

void MsgLink::ring() {
  ring_due_ = false;
  ++counters_.rings;
  doorbell_->ring(endpoint_.peer_doorbell());
}

bool MsgLink::prepare_sleep() {
  if (attention_ != 0 || ring_due_ || messages_due()) return false;
  endpoint_.set_need_wakeup(true);
  // The last look, after having asked for a ring.
  const bool pending = status() == LinkStatus::kRun && endpoint_.has_pending();
  if (!pending && !machine_.peer_moved()) return asleep_ = true;
  endpoint_.set_need_wakeup(false);
  return false;
}

Time MsgLink::next_deadline(Time now) const {
  if (attention_ != 0 || ring_due_ || messages_due()) return now;
  const Time machine = machine_.next_deadline();
  return stalled_ ? std::min(machine, now_ + kStallRetry) : machine;
}

void MsgLink::shut_down() {
  machine_.leave();
  for_each_device(present_, [this](uint16_t number) { slots_[number].instance.unbind(); });
  present_ = attention_ = waiting_ = 0;
  ring();
}

void MsgLink::detach() {
  if (status() == LinkStatus::kRun) flush();
  for_each_device(present_, [this](uint16_t number) {
    slots_[number].instance.suspend();
    slots_[number].instance.unbind();
  });
  present_ = attention_ = waiting_ = 0;
  // Whoever rings meanwhile is found by the successor.
  endpoint_.set_need_wakeup(true);
}

const Instance* MsgLink::instance(uint16_t number) const {
  const bool there = number < kMaxDevices && (present_ & device_bit(number)) != 0;
  return there ? &slots_[number].instance : nullptr;
}

Extent MsgLink::memory(uint16_t number) const {
  return instance(number) != nullptr ? slots_[number].memory : Extent{};
}

}  // namespace stratos::virtio
