// SPDX-License-Identifier: Apache-2.0
#include "hosts/virtual_bus.h"

#include <algorithm>
#include <utility>

namespace stratos::hosts {

VirtualBus::Port::Port(VirtualBus& bus, std::string name)
    : bus_(bus), name_(std::move(name)), pending_(std::max<size_t>(bus.options_.tx_depth, 1)) {}

can::Bus::Capabilities VirtualBus::Port::capabilities() const {
  return {.fd = bus_.options_.fd, .remote = true};
}

bool VirtualBus::Port::start(can::BusListener& listener) {
  stop();
  listener_ = &listener;
  return true;
}

void VirtualBus::Port::stop() {
  listener_ = nullptr;
  ++session_;
  bus_.waiting_ -= count_;
  count_ = 0;
  overload_end_.reset();
  bus_off_wanted_ = false;
}

void VirtualBus::Port::hold() {
  ++counters_.overloads;
  overload_end_ = bus_.now_ + static_cast<uint64_t>(bus_.options_.overload.count());
}

bool VirtualBus::Port::send(const can::Frame& frame, can::TxToken token) {
  if (!listener_ || count_ == pending_.size()) return false;
  pending_[(head_ + count_) % pending_.size()] = {.frame = frame,
                                                  .token = token,
                                                  .key = arbitration_key(frame),
                                                  .sequence = bus_.next_sequence_++};
  ++count_;
  ++bus_.waiting_;
  return true;
}

can::TxToken VirtualBus::Port::pop() {
  const can::TxToken token = front().token;
  head_ = (head_ + 1) % pending_.size();
  --count_;
  --bus_.waiting_;
  return token;
}

void VirtualBus::Port::hear(const can::Frame& frame) {
  if (!listener_) return;
  if (to_lose_ > 0) {
    --to_lose_;
    ++counters_.lost;
    return;
  }
  ++counters_.heard;
  listener_->on_frame(frame);
}

void VirtualBus::Port::go_bus_off() {
  overload_end_.reset();
  bus_off_wanted_ = false;
  can::BusListener& listener = *std::exchange(listener_, nullptr);
  const uint32_t session = ++session_;
  ++counters_.bus_offs;
  while (count_ > 0) {
    ++counters_.failed;
    listener.on_sent(pop(), false);
    if (session_ != session) return;  // stopped or started again from within
  }
  listener.on_bus_off();
}

// No frame of a pump() has to wait for memory.
VirtualBus::VirtualBus(const Options& options) : options_(options) {
  reports_.reserve(kBudget);
  delivering_.reserve(kBudget);
}

VirtualBus::Port& VirtualBus::add_port(std::string name) {
  return *ports_.emplace_back(std::make_unique<Port>(*this, std::move(name)));
}

bool VirtualBus::pump(uint64_t now, uint32_t budget) {
  now_ = now;
  bool happened = deliver_reports();
  if (force_bus_offs()) happened = true;
  for (; budget > 0; --budget) {
    if (!wire_.sender && !arbitrate()) break;
    if (wire_.end > now) break;
    finish();
    happened = true;
  }
  first_new_ = next_sequence_;
  return happened;
}

bool VirtualBus::ready() const {
  if (!reports_.empty() && !overload_end()) return true;
  const auto wanted = [](const auto& port) { return port->listener_ && port->bus_off_wanted_; };
  if (std::any_of(ports_.begin(), ports_.end(), wanted)) return true;
  return wire_.sender ? wire_.end <= now_ : waiting_ > 0 && !overload_end();
}

std::optional<uint64_t> VirtualBus::deadline() const {
  if (wire_.sender) return wire_.end;
  return waiting_ > 0 || !reports_.empty() ? overload_end() : std::nullopt;
}

// When the last port that still counts as overloaded does so no more.
std::optional<uint64_t> VirtualBus::overload_end() const {
  std::optional<uint64_t> end;
  for (const auto& port : ports_) {
    if (port->overload_end_ > now_) end = std::max(end, port->overload_end_);
  }
  return end;
}

// Tells senders what became of the frames of the last pump(). Not during an overload: whoever
// caused it has the frame in a place that goes with this process, and a sender that is told
// nothing sends it again.
bool VirtualBus::deliver_reports() {
  if (overload_end()) return false;
  delivering_.swap(reports_);
  for (const Report& report : delivering_) {
    if (report.sender->session_ != report.session) continue;
    report.sender->listener_->on_sent(report.token, report.ok);
  }
  const bool happened = !delivering_.empty();
  delivering_.clear();
  return happened;
}

bool VirtualBus::force_bus_offs() {
  bool happened = false;
  for (size_t i = 0; i < ports_.size(); ++i) {
    Port& port = *ports_[i];
    if (!port.listener_ || !port.bus_off_wanted_) continue;
    if (wire_.sender == &port && wire_.session == port.session_) {
      wire_.sender = nullptr;  // its frame ends in an error frame
      idle_since_ = now_;
    }
    port.go_bus_off();
    happened = true;
  }
  return happened;
}

// The port whose first frame wins among those sent before sequence number `below`.
// Of equal frames the older one wins.
VirtualBus::Port* VirtualBus::winner(uint64_t below) const {
  Port* best = nullptr;
  for (const auto& port : ports_) {
    if (port->count_ == 0 || port->front().sequence >= below) continue;
    const auto rank = [](const Port& candidate) {
      return std::pair(candidate.front().key, candidate.front().sequence);
    };
    if (!best || rank(*port) < rank(*best)) best = port.get();
  }
  return best;
}

// Puts the next frame on the wire; false if there is none.
bool VirtualBus::arbitrate() {
  if (waiting_ == 0) return false;
  if (overload_end()) {
    overloaded_ = true;
    return false;
  }
  const bool timed = options_.rate.nominal != 0;
  // Where frames take time, those that waited for the bus began the moment it became
  // idle, and those that came since were too late for that. When an overload ended is
  // not known that well.
  const bool overloaded = std::exchange(overloaded_, false);
  Port* sender = timed && !overloaded ? winner(first_new_) : nullptr;
  const bool waited = sender != nullptr;
  if (!sender) sender = winner(UINT64_MAX);
  if (!sender) return false;
  const uint64_t start = waited ? idle_since_ : std::max(idle_since_, now_);
  const can::Frame& frame = sender->front().frame;
  const auto time = static_cast<uint64_t>(frame_time(frame, options_.rate).count());
  wire_ = {.sender = sender,
           .session = sender->session_,
           .frame = frame,
           .end = timed ? start + time : now_};
  return true;
}

// The frame on the wire is over.
void VirtualBus::finish() {
  const Wire done = std::exchange(wire_, Wire{});
  Port& sender = *done.sender;
  idle_since_ = done.end;

  const bool owned = sender.session_ == done.session;
  const can::TxToken token = owned ? sender.pop() : 0;
  bool ok = true;
  if (owned && sender.to_fail_ > 0) {
    --sender.to_fail_;
    ok = false;
  }
  ++(ok ? sender.counters_.sent : sender.counters_.failed);
  if (ok) {
    ++frames_;
    for (size_t i = 0; i < ports_.size(); ++i) {
      if (ports_[i].get() != &sender) ports_[i]->hear(done.frame);
    }
  }
  if (owned) reports_.push_back({&sender, done.session, token, ok});
}

}  // namespace stratos::hosts
