// SPDX-License-Identifier: Apache-2.0

#include "device_load.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_can.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_rpmb.h>

#include <algorithm>
#include <numeric>

#include "responder.h"
#include "virtio/endian.h"

namespace stratos::bench {
namespace {

constexpr uint32_t kSectorSize = 512;

template <typename Message>
std::vector<std::byte> bytes_of(const Message& message) {
  const auto bytes = std::as_bytes(std::span(&message, 1));
  return {bytes.begin(), bytes.end()};
}

bool ends_with_zero(std::span<const std::byte> in) { return in.back() == std::byte{0}; }

bool is_a_counter(std::span<const std::byte> in) {
  return virtio::load_be<uint16_t>(&in[offsetof(virtio_rpmb_frame, req_resp)]) ==
         VIRTIO_RPMB_RESP_GET_COUNTER;
}

// All fields are 0: VIRTIO_BLK_T_IN of sector 0.
DeviceLoad block() {
  static_assert(VIRTIO_BLK_T_IN == 0 && VIRTIO_BLK_S_OK == 0);
  return {.device_id = VIRTIO_ID_BLOCK,
          .name = "block",
          .queue_size = 1024,
          .request = {.out = bytes_of(virtio_blk_outhdr{}),
                      .in_sizes = {kSectorSize, 1},
                      .accepts = ends_with_zero},
          .preparation = {}};
}

DeviceLoad can() {
  static_assert(VIRTIO_CAN_RESULT_OK == 0);
  std::vector<std::byte> start(sizeof(virtio_can_control_out));
  virtio::store_le<uint16_t>(start.data(), VIRTIO_CAN_SET_CTRL_MODE_START);
  std::vector<std::byte> frame(sizeof(virtio_can_tx_out) + VIRTIO_CAN_CLASSIC_MAX_DLEN);
  virtio::store_le<uint16_t>(&frame[offsetof(virtio_can_tx_out, msg_type)], VIRTIO_CAN_TX);
  virtio::store_le<uint16_t>(&frame[offsetof(virtio_can_tx_out, length)],
                             VIRTIO_CAN_CLASSIC_MAX_DLEN);
  return {.device_id = VIRTIO_ID_CAN,
          .name = "can",
          .queues = VIRTIO_CAN_QUEUE_COUNT,
          .queue_size = 256,
          .request = {.queue = VIRTIO_CAN_QUEUE_TX,
                      .out = std::move(frame),
                      .in_sizes = {sizeof(virtio_can_tx_in)},
                      .accepts = ends_with_zero},
          .preparation = Request{.queue = VIRTIO_CAN_QUEUE_CONTROL,
                                 .out = std::move(start),
                                 .in_sizes = {sizeof(virtio_can_control_in)},
                                 .accepts = ends_with_zero}};
}

DeviceLoad rpmb() {
  std::vector<std::byte> frame(sizeof(virtio_rpmb_frame));
  virtio::store_be<uint16_t>(&frame[offsetof(virtio_rpmb_frame, req_resp)],
                             VIRTIO_RPMB_REQ_GET_WRITE_COUNTER);
  return {.device_id = VIRTIO_ID_RPMB,
          .name = "rpmb",
          .queue_size = 256,
          .request = {.queue = VIRTIO_RPMB_QUEUE_REQUEST,
                      .out = std::move(frame),
                      .in_sizes = {sizeof(virtio_rpmb_frame)},
                      .accepts = is_a_counter},
          .preparation = {}};
}

DeviceLoad responder() {
  return {.device_id = kResponderId,
          .name = "responder",
          .queue_size = kQueueSize,
          .request = {.out = std::vector<std::byte>(kRequestSize), .in_sizes = {kRequestSize}},
          .preparation = {}};
}

}  // namespace

uint32_t Request::in_size() const {
  return std::accumulate(in_sizes.begin(), in_sizes.end(), uint32_t{0});
}

const std::vector<DeviceLoad>& known_loads() {
  static const std::vector<DeviceLoad> all{block(), rpmb(), can(), responder()};
  return all;
}

const DeviceLoad* load_of(uint32_t device_id) {
  const auto found = std::ranges::find(known_loads(), device_id, &DeviceLoad::device_id);
  return found == known_loads().end() ? nullptr : &*found;
}

}  // namespace stratos::bench
