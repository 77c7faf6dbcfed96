// SPDX-License-Identifier: Apache-2.0

#include "load_driver.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "machine.h"

namespace stratos::bench {

LoadDriver::LoadDriver(Door& door, const DeviceLoad& load)
    : door_(door),
      request_(load.request),
      queue_(door.queue(load.request.queue)),
      slot_of_(load.queue_size) {
  if (load.preparation) prepare(*load.preparation);
  for (unsigned i = 0; i < load.max_depth(); ++i) slots_.push_back(place(request_));
}

LoadDriver::Slot LoadDriver::place(const Request& request) {
  constexpr size_t kAlignment = 64;
  test::DriverMemory& memory = door_.memory();
  Slot slot;
  slot.out.push_back({memory.allocate(request.out.size() + request.in_size(), kAlignment),
                      static_cast<uint32_t>(request.out.size())});
  std::memcpy(memory.at(slot.out[0].address), request.out.data(), request.out.size());
  uint64_t next = slot.out[0].address + slot.out[0].size;
  for (const uint32_t size : request.in_sizes) {
    slot.in.push_back({next, size});
    std::memset(memory.at(next), 0xff, size);  // nothing that a device leaves passes for a reply
    next += size;
  }
  return slot;
}

void LoadDriver::prepare(const Request& request) {
  test::DriverQueue& queue = door_.queue(request.queue);
  const Slot slot = place(request);
  queue.add(slot.out, slot.in);
  queue.publish();
  queue.enable_notifications();
  door_.kick(request.queue);
  auto used = queue.get_used();
  for (; !used; used = queue.get_used()) door_.sleep(request.queue);
  check(request, slot, used->length);
}

void LoadDriver::check(const Request& request, const Slot& slot, uint32_t length) const {
  if (length != request.in_size()) throw std::runtime_error("a reply is too short");
  if (request.accepts != nullptr &&
      !request.accepts({door_.memory().at(slot.in[0].address), length}))
    throw std::runtime_error("the device refused a request");
}

void LoadDriver::add(unsigned slot) {
  const auto id = queue_.add(slots_[slot].out, slots_[slot].in);
  if (!id) throw std::logic_error("the ring is full");
  slot_of_[*id] = slot;
}

void LoadDriver::publish_and_kick() {
  queue_.publish();
  door_.kick(request_.queue);
}

unsigned LoadDriver::reap(size_t& again) {
  unsigned done = 0;
  while (const auto used = queue_.get_used()) {
    ++done;
    looks_ = 0;
    check(request_, slots_[slot_of_[used->id]], used->length);
    if (again == 0) continue;
    --again;
    add(slot_of_[used->id]);
  }
  return done;
}

void LoadDriver::wait_for_used(bool sleep) {
  if (!sleep) {
    relax();
    return;
  }
  if (queue_.enable_notifications()) return;
  door_.sleep(request_.queue);
  queue_.disable_notifications();
}

void LoadDriver::relax() {
  constexpr uint32_t kLooksPerClock = 1U << 16;
  constexpr uint64_t kPatienceNs = 10'000'000'000;
  cpu_relax();
  if (++looks_ % kLooksPerClock != 0) return;
  const uint64_t now = now_ns();
  if (looks_ == kLooksPerClock) waiting_since_ = now;
  if (now - waiting_since_ > kPatienceNs) throw std::runtime_error("nothing comes back");
}

Latencies LoadDriver::round_trips(size_t count, bool sleep) {
  constexpr size_t kWarmUp = 1000;
  Latencies result(count);
  queue_.disable_notifications();
  for (size_t i = 0; i < count + kWarmUp; ++i) {
    const uint64_t start = now_ns();
    add(0);
    publish_and_kick();
    size_t none = 0;
    while (reap(none) == 0) wait_for_used(sleep);
    if (i >= kWarmUp) result.add(now_ns() - start);
    if (i % 1024 == 0) door_.tend();
  }
  return result;
}

Latencies LoadDriver::paced(size_t count, uint64_t period_ns) {
  Latencies result(count);
  queue_.disable_notifications();
  uint64_t due = now_ns();
  for (size_t i = 0; i < count; ++i) {
    if (i % 128 == 0) door_.tend();
    // What a stolen CPU missed is not made up for: that would be another load.
    for (due = std::max(due + period_ns, now_ns()); now_ns() < due;) cpu_relax();
    const uint64_t start = now_ns();
    add(0);
    publish_and_kick();
    size_t none = 0;
    while (reap(none) == 0) relax();
    result.add(now_ns() - start);
  }
  return result;
}

uint64_t LoadDriver::pipelined(size_t count, unsigned depth, bool sleep) {
  queue_.disable_notifications();
  const uint64_t start = now_ns();
  for (unsigned slot = 0; slot < depth; ++slot) add(slot);
  publish_and_kick();
  size_t again = count - depth;
  size_t turns = 0;
  for (size_t done = 0; done < count;) {
    const unsigned reaped = reap(again);
    done += reaped;
    if (reaped != 0) {
      publish_and_kick();
    } else {
      wait_for_used(sleep);
    }
    if (++turns % 65536 == 0) door_.tend();
  }
  return now_ns() - start;
}

}  // namespace stratos::bench
