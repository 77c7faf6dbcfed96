// SPDX-License-Identifier: Apache-2.0
// What a device can do to the rings and the buffers of its driver.

#include <linux/virtio_can.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <vector>

#include "hostile/noise.h"
#include "hostile/raw_ring.h"
#include "hostile/tricks.h"
#include "virtio/descriptor.h"
#include "virtio/endian.h"

namespace stratos::guest {
namespace {

constexpr std::byte kOk{VIRTIO_CAN_RESULT_OK};
constexpr std::string_view kTrustedTable =
    "Linux reads the flags of a chain back from the descriptor table of a split ring "
    "(virtio_ring: WARN in unmap, BUG in virtqueue_detach_unused_buf)";
using Chain = RawRing::Chain;
using virtio::store_le;

// Control and Tx as they should be; then something else with one queue.
template <typename Ring = RawRing, typename What>
Trick with_queue(std::string_view name, uint16_t index, What what) {
  return {.name = name,
          .serve =
              [=](HostileDevice& device) mutable {
                constexpr std::array<uint16_t, 2> kHonest{VIRTIO_CAN_QUEUE_TX,
                                                          VIRTIO_CAN_QUEUE_CONTROL};
                for (const uint16_t other : kHonest)
                  if (other != index) raw_ring(device, other)->serve(kOk);
                const auto ring = raw_ring(device, index);
                RawRing::Chain chain;
                if (!ring->next(chain)) return;
                what(static_cast<const Ring&>(*ring), chain);
                device.played();
              },
          .only = Ring::kOnly};
}

// Control and Tx as they should be, and this frame over and over.
Trick receive(std::string_view name, uint16_t type, uint16_t length, uint32_t flags, uint32_t id,
              uint32_t used) {
  return with_queue(name, VIRTIO_CAN_QUEUE_RX, [=](const RawRing& ring, const Chain& chain) {
    std::array<std::byte, sizeof(virtio_can_rx) + VIRTIO_CAN_MAX_DLEN> frame{};
    store_le<uint16_t>(&frame[offsetof(virtio_can_rx, msg_type)], type);
    store_le<uint16_t>(&frame[offsetof(virtio_can_rx, length)], length);
    store_le<uint32_t>(&frame[offsetof(virtio_can_rx, flags)], flags);
    store_le<uint32_t>(&frame[offsetof(virtio_can_rx, can_id)], id);
    ring.write(chain, frame);
    ring.push(chain.id, used, chain.slots);
  });
}

Trick never(std::string_view name, uint16_t index) {
  return with_queue(name, index, [](const RawRing&, const Chain&) {});
}

// What is said of used chains, in either kind of ring.
std::vector<Trick> ring_tricks() {
  constexpr uint16_t kTx = VIRTIO_CAN_QUEUE_TX;
  return {
      with_queue(
          "used-id-out-of-range", kTx,
          [](const RawRing& ring, const Chain& chain) { ring.push(0xffff, 1, chain.slots); }),
      with_queue("used-id-twice", kTx,
                 [](const RawRing& ring, const Chain& chain) {
                   ring.push(chain.id, 1, chain.slots);
                   ring.push(chain.id, 1, chain.slots);
                 }),
      with_queue("used-id-never-made-available", kTx,
                 [](const RawRing& ring, const Chain& chain) {
                   ring.push(chain.id ^ 1U, 1, chain.slots);
                 }),
      with_queue(
          "used-length-of-4-billion", kTx,
          [](const RawRing& ring, const Chain& chain) { ring.push(chain.id, ~0U, chain.slots); }),
      with_queue(
          "used-length-0", kTx,
          [](const RawRing& ring, const Chain& chain) { ring.push(chain.id, 0, chain.slots); }),
      {.name = "interrupts-without-reason",
       .turn =
           [](HostileDevice& device) {
             if (!device.driver_ok()) return;
             for (uint16_t i = 0; i < VIRTIO_CAN_QUEUE_COUNT; ++i) device.notify_queue(i);
             if (device.age() > 30) device.played();
           }},
      {.name = "memory-of-noise",
       .turn =
           [random = std::minstd_rand(1)](HostileDevice& device) mutable {
             if (!device.driver_ok() || device.age() < 5) return;
             for (uint64_t at = 64; at < 256 * 1024; at += 4)
               store_le<uint32_t>(device.at(at, 4), static_cast<uint32_t>(random()));
             for (uint16_t i = 0; i < VIRTIO_CAN_QUEUE_COUNT; ++i) device.notify_queue(i);
             device.played();
           },
       .breaks_split = kTrustedTable},
  };
}

std::vector<Trick> split_ring_tricks() {
  constexpr uint16_t kTx = VIRTIO_CAN_QUEUE_TX;
  constexpr uint16_t kRx = VIRTIO_CAN_QUEUE_RX;
  return {
      with_queue<RawSplitRing>(
          "used-id-of-32-bits", kRx,
          [](const RawSplitRing& ring, const Chain& chain) { ring.push(chain.id | 0x10000U, 24); }),
      with_queue<RawSplitRing>("used-index-jumps", kTx,
                               [](const RawSplitRing& ring, const Chain&) {
                                 ring.set_used_idx(static_cast<uint16_t>(ring.used_idx() + 30000));
                               }),
      with_queue<RawSplitRing>("used-index-goes-back", kRx,
                               [](const RawSplitRing& ring, const Chain& chain) {
                                 ring.push(chain.id, 24);
                                 ring.set_used_idx(static_cast<uint16_t>(ring.used_idx() - 2));
                               }),
      with_queue<RawSplitRing>(
          "used-ring-of-noise", kRx,
          [random = std::minstd_rand(1)](const RawSplitRing& ring, const Chain&) mutable {
            fill_with_noise(ring.used_area(), random);
            ring.set_used_idx(static_cast<uint16_t>(random()));
          }),
  };
}

// Marks used what is `ahead` of the next chain.
Trick used_ahead(std::string_view name, uint16_t ahead) {
  return with_queue<RawPackedRing>(name, VIRTIO_CAN_QUEUE_TX,
                                   [=](const RawPackedRing& ring, const Chain& chain) {
                                     virtio::PackedPosition at = ring.position();
                                     at.advance(ahead, ring.size());
                                     ring.put_used(at, chain.id, 1);
                                     ring.notify();
                                   });
}

std::vector<Trick> packed_ring_tricks() {
  constexpr uint16_t kTx = VIRTIO_CAN_QUEUE_TX;
  constexpr uint16_t kRx = VIRTIO_CAN_QUEUE_RX;
  return {
      used_ahead("used-in-the-middle-of-a-chain", 1),
      used_ahead("used-far-ahead", 40),
      with_queue<RawPackedRing>("wrap-counter-wrong", kTx,
                                [](const RawPackedRing& ring, const Chain& chain) {
                                  virtio::PackedPosition at = ring.position();
                                  at.wrap = !at.wrap;
                                  ring.put_used(at, chain.id, 1);
                                  ring.notify();
                                }),
      with_queue<RawPackedRing>("skips-too-little", kTx,
                                [](const RawPackedRing& ring, const Chain& chain) {
                                  ring.push(chain.id, 1, 1);
                                  ring.push(chain.id, 1, 1);
                                }),
      with_queue<RawPackedRing>("all-used-at-once", kRx,
                                [](const RawPackedRing& ring, const Chain&) {
                                  virtio::PackedPosition at = ring.position();
                                  for (uint16_t left = ring.size(); left != 0; --left) {
                                    ring.put_used(at, at.slot, 24);
                                    at.advance(1, ring.size());
                                  }
                                  ring.notify();
                                }),
      with_queue<RawPackedRing>("one-lap-too-many", kRx,
                                [](const RawPackedRing& ring, const Chain& chain) {
                                  for (uint16_t left = ring.size(); left != 0; --left)
                                    ring.push(chain.id, 24, 1);
                                }),
      with_queue<RawPackedRing>(
          "flags-of-noise", kTx,
          [random = std::minstd_rand(1)](const RawPackedRing& ring, const Chain&) mutable {
            const auto all = ring.descriptors();
            for (size_t at = virtio::kPackedFlagsOffset; at < all.size();
                 at += virtio::kDescriptorSize)
              fill_with_noise(all.subspan(at, sizeof(uint16_t)), random);
            ring.notify();
          }),
      with_queue<RawPackedRing>(
          "descriptors-of-noise", kRx,
          [random = std::minstd_rand(1)](const RawPackedRing& ring, const Chain&) mutable {
            fill_with_noise(ring.descriptors(), random);
            ring.notify();
          }),
      with_queue<RawPackedRing>(
          "event-suppression-of-noise", kTx,
          [random = std::minstd_rand(1)](const RawPackedRing& ring, const Chain& chain) mutable {
            fill_with_noise(ring.driver_events(), random);
            fill_with_noise(ring.device_events(), random);
            ring.push(chain.id, 1, chain.slots);
          }),
  };
}

std::vector<Trick> can_tricks() {
  constexpr uint16_t kRx = VIRTIO_CAN_RX;
  constexpr uint32_t kFd = VIRTIO_CAN_FLAGS_FD;
  constexpr uint32_t kRtr = VIRTIO_CAN_FLAGS_RTR;
  return {
      never("control-never-answered", VIRTIO_CAN_QUEUE_CONTROL),
      never("tx-never-given-back", VIRTIO_CAN_QUEUE_TX),
      with_queue("control-answered-with-garbage", VIRTIO_CAN_QUEUE_CONTROL,
                 [](const RawRing& ring, const Chain&) { ring.serve(std::byte{0x55}); }),
      with_queue(
          "control-answered-with-nothing", VIRTIO_CAN_QUEUE_CONTROL,
          [](const RawRing& ring, const Chain& chain) { ring.push(chain.id, 0, chain.slots); }),
      with_queue("tx-refused", VIRTIO_CAN_QUEUE_TX,
                 [](const RawRing& ring, const Chain&) {
                   ring.serve(std::byte{VIRTIO_CAN_RESULT_NOT_OK});
                 }),
      receive("rx-of-another-type", 0x0102, 8, 0, 0x123, 24),
      receive("rx-longer-than-a-buffer", kRx, 0xffff, 0, 0x123, 24),
      receive("rx-longer-than-a-frame", kRx, 9, 0, 0x123, 80),
      receive("rx-of-no-fd-length", kRx, 13, kFd, 0x123, 80),
      receive("rx-with-unknown-flags", kRx, 8, 0x10001, 0x123, 24),
      receive("rx-remote-and-fd", kRx, 8, kFd | kRtr, 0x123, 24),
      receive("rx-with-a-long-base-id", kRx, 8, 0, 0x800, 24),
      receive("rx-with-an-impossible-id", kRx, 8, VIRTIO_CAN_FLAGS_EXTENDED, ~0U, 24),
      receive("rx-used-shorter-than-its-header", kRx, 8, 0, 0x123, 7),
      receive("rx-used-shorter-than-its-length", kRx, 8, 0, 0x123, 20),
      receive("rx-used-length-of-4-billion", kRx, 8, 0, 0x123, ~0U),
  };
}

}  // namespace

std::vector<Trick> queue_tricks() {
  std::vector<Trick> all = ring_tricks();
  for (auto&& some : {split_ring_tricks(), packed_ring_tricks(), can_tricks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace stratos::guest
