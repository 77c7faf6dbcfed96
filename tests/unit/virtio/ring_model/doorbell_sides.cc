// SPDX-License-Identifier: Apache-2.0

#include "doorbell_sides.h"

#include <array>
#include <new>
#include <numeric>
#include <span>

#include "access.h"
#include "mix.h"
#include "virtio/msg_endpoint.h"

namespace stratos::model {
namespace {

using virtio::MsgEndpoint;
using virtio::Role;
using virtio::SharedWord16;
using virtio::Wake;

constexpr unsigned kQueues = 2;
constexpr uint32_t kDevice = 0;

// As tight as it goes; a real one has a page for each part.
constexpr virtio::Layout kLayout{
    .num_notif = 1,
    .vq_notif = 4,
    .extended = true,
    .device = {.head = {16, 8}, .notif = {200, 16}, .elements = {}, .side = {32, 68}},
    .driver = {.head = {24, 8}, .notif = {216, 16}, .elements = {}, .side = {128, 68}},
    .device_private = {},
    .pool = {},
};
constexpr size_t kWorkAt = 240;

SharedWord16 work_of(unsigned queue) {
  return SharedWord16(region().data() + kWorkAt + queue * sizeof(uint16_t));
}

// An endpoint in storage whose padding is zero, so that its bytes say all that it knows.
class Endpoint {
 public:
  explicit Endpoint(Role role) { endpoint_.attach(region(), kLayout, role); }
  MsgEndpoint* operator->() { return &endpoint_; }
  uint64_t hash() const { return mix(0, bytes_); }

 private:
  alignas(MsgEndpoint) std::array<std::byte, sizeof(MsgEndpoint)> bytes_{};
  MsgEndpoint& endpoint_ = *new (bytes_.data()) MsgEndpoint;
};

}  // namespace

void announce(Run& run) {
  Endpoint endpoint(Role::kDriver);
  endpoint->bind_peer(1);
  for (unsigned number = 0; number < kAnnouncements; ++number) {
    run.rest(mix(endpoint.hash(), number));
    const unsigned queue = number % kQueues;
    work_of(queue).store(static_cast<uint16_t>(number / kQueues + 1), std::memory_order_release);
    endpoint->notify(endpoint->bit_of(kDevice, queue));
    if (run.in(Call::kCommit, [&] { return endpoint->commit(); }) == Wake::kRing) run.ring();
  }
  for (;;) run.sleep(true);
}

void listen(Run& run) {
  Endpoint endpoint(Role::kDevice);
  std::array<unsigned, kQueues> done{};
  const auto look = [&](uint32_t bit) {
    const uint32_t queue = bit - endpoint->first_bit(kDevice);
    run.check(queue < kQueues, "a bit that nobody set");
    done[queue] = work_of(queue).load();
  };
  for (;;) {
    run.rest(mix(endpoint.hash(), std::as_bytes(std::span(done))));
    if (run.in(Call::kAcknowledge, [&] { return endpoint->take_pending(look); })) continue;
    run.in(Call::kNeedWakeup, [&] { endpoint->set_need_wakeup(true); });
    if (!endpoint->has_pending()) {
      run.sleep(std::accumulate(done.begin(), done.end(), 0U) == kAnnouncements);
    }
    endpoint->set_need_wakeup(false);
  }
}

}  // namespace stratos::model
