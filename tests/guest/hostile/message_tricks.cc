// SPDX-License-Identifier: Apache-2.0
// What a device side can say wrong.

#include <linux/virtio_msg.h>

#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "hostile/tricks.h"
#include "virtio/endian.h"

namespace stratos::guest {
namespace {

using virtio::MessageHeader;
using virtio::store_le;

constexpr size_t kPayload = sizeof(virtio_msg_hdr);

// Swallows requests with this id.
Trick swallow(std::string_view name, uint8_t id) {
  return {.name = name, .accept = [id](HostileDevice& device, const MessageHeader& header) {
            if (header.bus || header.id != id) return true;
            device.played();
            return false;
          }};
}

// Changes the response to requests with this id.
template <typename Change>
Trick change(std::string_view name, uint8_t id, Change what) {
  return {.name = name,
          .answer = [id, what](HostileDevice& device, const MessageHeader& header,
                               std::span<std::byte> reply, size_t size) {
            if (header.bus || header.id != id) return size;
            device.played();
            return what(device, reply, size);
          }};
}

// Puts a 32-bit word into the payload of a response.
Trick put32(std::string_view name, uint8_t id, size_t at, uint32_t value) {
  return change(name, id, [=](HostileDevice&, std::span<std::byte> reply, size_t size) {
    store_le<uint32_t>(reply.data() + kPayload + at, value);
    return size;
  });
}

Trick put64(std::string_view name, uint8_t id, size_t at, uint64_t value) {
  return change(name, id, [=](HostileDevice&, std::span<std::byte> reply, size_t size) {
    store_le<uint64_t>(reply.data() + kPayload + at, value);
    return size;
  });
}

// Sends these bytes in each turn in which the device is in use.
Trick babble(std::string_view name, virtio_msg_hdr header, std::vector<uint32_t> payload) {
  return {.name = name, .turn = [=](HostileDevice& device) {
            if (!device.driver_ok()) return;
            std::vector<std::byte> message(kPayload + 4 * payload.size());
            message[0] = std::byte{header.type};
            message[1] = std::byte{header.msg_id};
            store_le<uint16_t>(&message[2], header.dev_num);
            store_le<uint16_t>(&message[4], header.token);
            store_le<uint16_t>(&message[6], header.msg_size);
            for (size_t i = 0; i < payload.size(); ++i)
              store_le<uint32_t>(&message[kPayload + 4 * i], payload[i]);
            device.send(message);
            device.played();
          }};
}

// The driver reads the configuration when it hears that it changed.
void claim_config_change(HostileDevice& device) {
  if (!device.driver_ok()) return;
  std::array<std::byte, kPayload + sizeof(virtio_msg_event_config)> event{};
  event[offsetof(virtio_msg_hdr, msg_id)] = std::byte{VIRTIO_MSG_EVENT_CONFIG};
  store_le<uint16_t>(&event[offsetof(virtio_msg_hdr, msg_size)], event.size());
  store_le<uint32_t>(&event[kPayload], 0x0f);  // all is well
  device.send(event);
}

Trick after_config_change(Trick trick) {
  trick.turn = claim_config_change;
  return trick;
}

// Ends before there is an interface.
Trick nipped(Trick trick) {
  trick.nips_in_the_bud = true;
  return trick;
}

std::vector<Trick> silence() {
  return {
      {.name = "silent",
       .accept =
           [](HostileDevice& device, const MessageHeader&) {
             device.played();
             return false;
           }},
      swallow("silent-about-itself", VIRTIO_MSG_GET_DEVICE_INFO),
      swallow("silent-about-features", VIRTIO_MSG_GET_DEVICE_FEATURES),
      swallow("silent-about-status", VIRTIO_MSG_SET_DEVICE_STATUS),
      swallow("silent-about-queues", VIRTIO_MSG_SET_VQUEUE),
      change("wrong-token", VIRTIO_MSG_GET_DEVICE_INFO,
             [](HostileDevice&, std::span<std::byte> reply, size_t size) {
               store_le<uint16_t>(&reply[offsetof(virtio_msg_hdr, token)], 0xbad);
               return size;
             }),
      change("wrong-id", VIRTIO_MSG_GET_DEVICE_INFO,
             [](HostileDevice&, std::span<std::byte> reply, size_t size) {
               reply[offsetof(virtio_msg_hdr, msg_id)] = std::byte{VIRTIO_MSG_GET_SHM};
               return size;
             }),
      change("short-info", VIRTIO_MSG_GET_DEVICE_INFO,
             [](HostileDevice&, std::span<std::byte> reply, size_t) {
               store_le<uint16_t>(&reply[offsetof(virtio_msg_hdr, msg_size)], kPayload + 4);
               return kPayload + 4;
             }),
  };
}

// Lies that a driver can do nothing with.
std::vector<Trick> impossible_lies() {
  constexpr auto kInfo = VIRTIO_MSG_GET_DEVICE_INFO;
  constexpr auto kShm = VIRTIO_MSG_GET_SHM;
  constexpr auto kQueue = VIRTIO_MSG_GET_VQUEUE;
  constexpr uint64_t kFar = std::numeric_limits<uint64_t>::max() - 0xfff;
  return {
      put32("huge-configuration", kInfo, offsetof(virtio_msg_device_info, config_size), ~0U),
      put32("no-queues", kInfo, offsetof(virtio_msg_device_info, max_vqs), 0),
      put32("no-version-1", VIRTIO_MSG_GET_DEVICE_FEATURES, sizeof(virtio_msg_features) + 4, 0),
      put64("memory-behind-the-region", kShm, offsetof(virtio_msg_get_shm_resp, address),
            uint64_t{1} << 40),
      put64("memory-that-wraps", kShm, offsetof(virtio_msg_get_shm_resp, address), kFar),
      put64("memory-on-page-0", kShm, offsetof(virtio_msg_get_shm_resp, address), 0),
      put64("memory-unaligned", kShm, offsetof(virtio_msg_get_shm_resp, address), 0x100123),
      put64("memory-endless", kShm, offsetof(virtio_msg_get_shm_resp, length), kFar),
      put64("memory-of-nothing", kShm, offsetof(virtio_msg_get_shm_resp, length), 0),
      put64("memory-of-one-page", kShm, offsetof(virtio_msg_get_shm_resp, length), 4096),
      put32("queue-of-0", kQueue, offsetof(virtio_msg_get_vqueue_resp, max_size), 0),
      put32("queue-of-4-billion", kQueue, offsetof(virtio_msg_get_vqueue_resp, max_size), ~0U),
  };
}

// Lies that it can live with.
std::vector<Trick> bearable_lies() {
  constexpr auto kInfo = VIRTIO_MSG_GET_DEVICE_INFO;
  return {
      put32("endless-queues", kInfo, offsetof(virtio_msg_device_info, max_vqs), ~0U),
      put32("endless-features", kInfo, offsetof(virtio_msg_device_info, num_feature_blocks), ~0U),
      put32("queue-of-3", VIRTIO_MSG_GET_VQUEUE, offsetof(virtio_msg_get_vqueue_resp, max_size), 3),
      put32("features-refused", VIRTIO_MSG_SET_DEVICE_STATUS, 0, 0x03),
      put32("status-of-all-bits", VIRTIO_MSG_GET_DEVICE_STATUS, 0, ~0U),
  };
}

// Never says that it has stopped, once it was in use for so many turns. The driver finds out
// at the first reset, or at the one when it is unloaded.
Trick endless_reset(std::string_view name, unsigned from_age) {
  return {.name = name,
          .answer =
              [=](HostileDevice& device, const MessageHeader& header, std::span<std::byte> reply,
                  size_t size) {
                const bool status = header.id == VIRTIO_MSG_SET_DEVICE_STATUS ||
                                    header.id == VIRTIO_MSG_GET_DEVICE_STATUS;
                if (header.bus || !status || device.age() < from_age ||
                    virtio::load_le<uint32_t>(&reply[kPayload]) != 0)
                  return size;
                device.played();
                store_le<uint32_t>(&reply[kPayload], 1);
                return size;
              },
          .turn =
              [=](HostileDevice& device) {
                if (device.driver_ok()) device.played();
              }};
}

std::vector<Trick> confusion() {
  constexpr uint8_t kEvent = VIRTIO_MSG_EVENT_CONFIG;
  constexpr uint16_t kEventSize = kPayload + sizeof(virtio_msg_event_config);
  return {
      after_config_change(swallow("silent-about-configuration", VIRTIO_MSG_GET_CONFIG)),
      after_config_change({.name = "torn-configuration",
                           .answer =
                               [generation = 0U](HostileDevice& device, const MessageHeader& header,
                                                 std::span<std::byte> reply, size_t size) mutable {
                                 if (header.bus || header.id != VIRTIO_MSG_GET_CONFIG) return size;
                                 device.played();
                                 store_le<uint32_t>(&reply[kPayload], ++generation);
                                 return size;
                               }}),
      nipped(endless_reset("reset-never-ends", 0)),
      endless_reset("reset-never-ends-after-use", 1),
      babble("oversized-message", {0, kEvent, 0, 0, 0xffff}, {0, 0, 0, 0}),
      babble("undersized-message", {0, kEvent, 0, 0, 3}, {0, 0, 0, 0}),
      babble("short-event", {0, kEvent, 0, 0, kPayload + 2}, {0}),
      babble("unknown-message", {0, 0x3e, 0, 7, kPayload}, {}),
      babble("request-to-the-driver", {0, VIRTIO_MSG_GET_CONFIG, 0, 7, kPayload + 8}, {0, 64}),
      babble("answer-to-nothing", {1, VIRTIO_MSG_GET_CONFIG, 0, 7, kPayload + 12}, {0, 0, 0}),
      babble("event-of-another-device", {0, kEvent, 61, 0, kEventSize}, {0x4f, 0, 0, 0}),
      babble("event-of-an-impossible-device", {0, kEvent, 0xffff, 0, kEventSize}, {0x4f, 0, 0, 0}),
      babble("used-event-of-an-impossible-queue", {0, VIRTIO_MSG_EVENT_USED, 0, 0, kPayload + 4},
             {~0U}),
      babble("needs-reset", {0, kEvent, 0, 0, kEventSize}, {0x4f, 0, 0, 0}),
      babble("endless-configuration-changes", {0, kEvent, 0, 0, kEventSize}, {0x0f, 0, ~0U, ~0U}),
      nipped(babble("device-removed", {2, VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 0, kPayload + 4},
                    {2U << 16})),
      babble("device-ready-again", {2, VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 0, kPayload + 4},
             {1U << 16}),
      babble("impossible-device-ready", {2, VIRTIO_MSG_BUS_EVENT_DEVICE, 0, 0, kPayload + 4},
             {1U << 16 | 0xffff}),
  };
}

}  // namespace

std::vector<Trick> message_tricks() {
  std::vector<Trick> all = silence();
  for (const Trick& trick : impossible_lies()) all.push_back(trick);
  for (Trick& trick : all) trick = nipped(std::move(trick));
  for (auto&& some : {bearable_lies(), confusion()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace stratos::guest
