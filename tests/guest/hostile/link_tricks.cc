// SPDX-License-Identifier: Apache-2.0
// What a device side can do to the words that it owns, and to those that it does not.

#include <linux/virtio_msg.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "hostile/noise.h"
#include "hostile/tricks.h"
#include "virtio/endian.h"

namespace stratos::guest {
namespace {

using virtio::store_le;

// Writes a 16-bit word of the own queue head in each turn in which the device is in use.
Trick head_word(std::string_view name, size_t at, uint16_t value) {
  return {.name = name, .turn = [=](HostileDevice& device) {
            if (!device.driver_ok()) return;
            store_le<uint16_t>(&device.region()[device.layout().device.head.offset + at], value);
            device.endpoint().notify(virtio::MsgEndpoint::kMessageBit);
            device.ring();
            device.played();
          }};
}

// Fills an area of the region with noise, turn after turn.
template <typename Area>
Trick noise(std::string_view name, Area area) {
  return {.name = name, .turn = [=, random = std::minstd_rand(1)](HostileDevice& device) mutable {
            if (!device.driver_ok()) return;
            const virtio::Extent where = area(device.layout());
            fill_with_noise(device.region().subspan(where.offset, where.size), random);
            device.ring();
            device.played();
          }};
}

// Page 0 is the hub's: it is put back for the next who comes.
Trick layout_of_noise() {
  return {.name = "layout-of-noise",
          .turn = [page = std::vector<std::byte>()](HostileDevice& device) mutable {
            constexpr unsigned kFrom = 5;
            constexpr unsigned kTo = 15;
            const auto page0 = device.region().first(virtio::kPageSize);
            if (device.age() == kFrom) {
              page.assign(page0.begin(), page0.end());
              std::ranges::fill(page0, std::byte{0x5a});
              device.ring();
            } else if (device.age() == kTo) {
              std::ranges::copy(page, page0.begin());
              device.played();
            }
          }};
}

}  // namespace

std::vector<Trick> link_tricks() {
  return {
      head_word("tail-out-of-range", offsetof(virtio_msg_amp_head, tail), 0xffff),
      head_word("head-out-of-range", offsetof(virtio_msg_amp_head, head), 0xffff),
      head_word("stale-tail", offsetof(virtio_msg_amp_head, tail), 1),
      head_word("no-magic-any-more", offsetof(virtio_msg_amp_head, magic), 0),
      head_word("back-to-init", offsetof(virtio_msg_amp_head, status), VIRTIO_MSG_AMP_INIT),
      head_word("back-to-ready", offsetof(virtio_msg_amp_head, status), VIRTIO_MSG_AMP_READY),
      head_word("shut-down", offsetof(virtio_msg_amp_head, status), VIRTIO_MSG_AMP_SHUTDOWN),
      head_word("thinks-we-are-dead", offsetof(virtio_msg_amp_head, status),
                VIRTIO_MSG_AMP_PEER_DEAD),
      head_word("impossible-status", offsetof(virtio_msg_amp_head, status), 0x1f),
      {.name = "new-epoch-each-turn",
       .turn =
           [](HostileDevice& device) {
             if (!device.driver_ok()) return;
             device.endpoint().new_epoch();
             device.ring();
             device.played();
           }},
      {.name = "doorbell-into-nowhere",
       .turn =
           [](HostileDevice& device) {
             device.endpoint().set_doorbell(~0U);
             if (device.age() > 10) device.played();
           }},
      {.name = "hangs-for-ever", .hangs_when_started = true},
      noise("notifications-of-noise", [](const auto& layout) { return layout.device.notif; }),
      noise("messages-of-noise", [](const auto& layout) { return layout.device.elements; }),
      layout_of_noise(),
      noise("head-of-noise", [](const auto& layout) { return layout.device.head; }),
      noise("side-of-noise", [](const auto& layout) { return layout.device.side; }),
      noise("drivers-head-of-noise", [](const auto& layout) { return layout.driver.head; }),
      noise("drivers-notifications-of-noise",
            [](const auto& layout) { return layout.driver.notif; }),
  };
}

}  // namespace stratos::guest
