// SPDX-License-Identifier: Apache-2.0
// What a device can do to the rings and the buffers of its driver.

#include <linux/virtio_can.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <random>
#include <vector>

#include "hostile/tricks.h"
#include "virtio/endian.h"

namespace stratos::guest {
namespace {

using virtio::load_le;
using virtio::store_le;

// Raw access to a split ring: no check anywhere, as the ring is the honest side here.
class RawRing {
 public:
  RawRing(HostileDevice& device, uint16_t index)
      : device_(device), index_(index), setup_(device.queue(index)) {}

  struct Part {
    uint64_t address = 0;
    uint32_t size = 0;
  };

  uint16_t used_idx() const { return load_le<uint16_t>(used(2)); }
  // A chain that is available and not used: its head.
  bool next(uint16_t& head) const {
    const uint16_t at = used_idx();
    if (at == load_le<uint16_t>(avail(2))) return false;
    head = load_le<uint16_t>(avail(4 + 2 * (at % setup_.size)));
    return true;
  }
  // The device-writable descriptor of a chain: its last.
  Part writable(uint16_t head) const {
    constexpr uint16_t kNext = 1;
    for (uint16_t left = setup_.size; left != 0; --left) {
      const std::byte* descriptor = device_.at(setup_.desc + uint64_t{16} * head, 16);
      if ((load_le<uint16_t>(descriptor + 12) & kNext) == 0)
        return {load_le<uint64_t>(descriptor), load_le<uint32_t>(descriptor + 8)};
      head = load_le<uint16_t>(descriptor + 14);
    }
    return {};
  }
  void write(uint16_t head, std::span<const std::byte> bytes) const {
    const Part part = writable(head);
    if (std::byte* to = device_.at(part.address, part.size))
      std::copy_n(bytes.begin(), std::min<size_t>(bytes.size(), part.size), to);
  }
  void push(uint32_t id, uint32_t length) const {
    const uint16_t at = used_idx();
    std::byte* element = used(4 + 8 * (at % setup_.size));
    store_le<uint32_t>(element, id);
    store_le<uint32_t>(element + 4, length);
    set_used_idx(static_cast<uint16_t>(at + 1));
  }
  void set_used_idx(uint16_t value) const {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the driver's read barrier
    store_le<uint16_t>(used(2), value);
    device_.notify_queue(index_);
  }
  // Serves everything as a good device does, with one byte of answer.
  void serve(std::byte result = std::byte{VIRTIO_CAN_RESULT_OK}) const {
    for (uint16_t head = 0; next(head);) {
      write(head, std::span(&result, 1));
      push(head, 1);
    }
  }

 private:
  std::byte* avail(uint64_t at) const { return device_.at(setup_.driver + at, 2); }
  std::byte* used(uint64_t at) const { return device_.at(setup_.device + at, 2); }

  HostileDevice& device_;
  uint16_t index_;
  const virtio::QueueSetup& setup_;
};

// Control and Tx as they should be; then something else with one queue.
template <typename What>
Trick with_queue(std::string_view name, uint16_t index, What what) {
  return {
      .name = name, .serve = [=](HostileDevice& device) {
        constexpr std::array<uint16_t, 2> kHonest{VIRTIO_CAN_QUEUE_TX, VIRTIO_CAN_QUEUE_CONTROL};
        for (const uint16_t other : kHonest)
          if (other != index) RawRing(device, other).serve();
        const RawRing ring(device, index);
        uint16_t head = 0;
        if (!ring.next(head)) return;
        what(ring, head);
        device.played();
      }};
}

// Control and Tx as they should be, and this frame over and over.
Trick receive(std::string_view name, uint16_t type, uint16_t length, uint32_t flags, uint32_t id,
              uint32_t used) {
  return with_queue(name, VIRTIO_CAN_QUEUE_RX, [=](const RawRing& ring, uint16_t head) {
    std::array<std::byte, sizeof(virtio_can_rx) + VIRTIO_CAN_MAX_DLEN> frame{};
    store_le<uint16_t>(&frame[offsetof(virtio_can_rx, msg_type)], type);
    store_le<uint16_t>(&frame[offsetof(virtio_can_rx, length)], length);
    store_le<uint32_t>(&frame[offsetof(virtio_can_rx, flags)], flags);
    store_le<uint32_t>(&frame[offsetof(virtio_can_rx, can_id)], id);
    ring.write(head, frame);
    ring.push(head, used);
  });
}

Trick never(std::string_view name, uint16_t index) {
  return with_queue(name, index, [](const RawRing&, uint16_t) {});
}

std::vector<Trick> ring_tricks() {
  constexpr uint16_t kTx = VIRTIO_CAN_QUEUE_TX;
  constexpr uint16_t kRx = VIRTIO_CAN_QUEUE_RX;
  return {
      with_queue("used-id-out-of-range", kTx,
                 [](const RawRing& ring, uint16_t) { ring.push(0xffff, 1); }),
      with_queue("used-id-of-32-bits", kRx,
                 [](const RawRing& ring, uint16_t head) { ring.push(head | 0x10000U, 24); }),
      with_queue("used-id-twice", kTx,
                 [](const RawRing& ring, uint16_t head) {
                   ring.push(head, 1);
                   ring.push(head, 1);
                 }),
      with_queue("used-id-never-made-available", kTx,
                 [](const RawRing& ring, uint16_t head) { ring.push(head ^ 1U, 1); }),
      with_queue("used-length-of-4-billion", kTx,
                 [](const RawRing& ring, uint16_t head) { ring.push(head, ~0U); }),
      with_queue("used-length-0", kTx,
                 [](const RawRing& ring, uint16_t head) { ring.push(head, 0); }),
      with_queue("used-index-jumps", kTx,
                 [](const RawRing& ring, uint16_t) {
                   ring.set_used_idx(static_cast<uint16_t>(ring.used_idx() + 30000));
                 }),
      with_queue("used-index-goes-back", kRx,
                 [](const RawRing& ring, uint16_t head) {
                   ring.push(head, 24);
                   ring.set_used_idx(static_cast<uint16_t>(ring.used_idx() - 2));
                 }),
      {.name = "interrupts-without-reason",
       .turn =
           [](HostileDevice& device) {
             if (!device.driver_ok()) return;
             for (uint16_t i = 0; i < VIRTIO_CAN_QUEUE_COUNT; ++i) device.notify_queue(i);
             if (device.age() > 100) device.played();
           }},
      {.name = "memory-of-noise",
       .turn =
           [random = std::minstd_rand(1)](HostileDevice& device) mutable {
             if (!device.driver_ok() || device.age() < 5) return;
             for (uint64_t at = 64; at < 256 * 1024; at += 4)
               store_le<uint32_t>(device.at(at, 4), static_cast<uint32_t>(random()));
             for (uint16_t i = 0; i < VIRTIO_CAN_QUEUE_COUNT; ++i) device.notify_queue(i);
             device.played();
           }},
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
                 [](const RawRing& ring, uint16_t) { ring.serve(std::byte{0x55}); }),
      with_queue("control-answered-with-nothing", VIRTIO_CAN_QUEUE_CONTROL,
                 [](const RawRing& ring, uint16_t head) { ring.push(head, 0); }),
      with_queue(
          "tx-refused", VIRTIO_CAN_QUEUE_TX,
          [](const RawRing& ring, uint16_t) { ring.serve(std::byte{VIRTIO_CAN_RESULT_NOT_OK}); }),
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
  for (const Trick& trick : can_tricks()) all.push_back(trick);
  return all;
}

}  // namespace stratos::guest
