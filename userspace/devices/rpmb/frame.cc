// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/frame.h"

#include <algorithm>
#include <cstddef>

#include "virtio/endian.h"

namespace stratos::rpmb {
namespace {

constexpr size_t kKeyMacAt = offsetof(virtio_rpmb_frame, key_mac);
constexpr size_t kDataAt = offsetof(virtio_rpmb_frame, data);
constexpr size_t kNonceAt = offsetof(virtio_rpmb_frame, nonce);
constexpr size_t kWriteCounterAt = offsetof(virtio_rpmb_frame, write_counter);
constexpr size_t kAddressAt = offsetof(virtio_rpmb_frame, address);
constexpr size_t kBlockCountAt = offsetof(virtio_rpmb_frame, block_count);
constexpr size_t kResultAt = offsetof(virtio_rpmb_frame, result);
constexpr size_t kTypeAt = offsetof(virtio_rpmb_frame, req_resp);

static_assert(sizeof(virtio_rpmb_frame) == kFrameSize);
static_assert(kDataAt == VIRTIO_RPMB_MAC_OFFSET);
static_assert(kNonceAt - kDataAt == kBlockSize);

}  // namespace

uint16_t type_of(FrameView frame) { return virtio::load_be<uint16_t>(&frame[kTypeAt]); }

Fields fields_of(FrameView frame) {
  Fields fields;
  std::copy_n(&frame[kNonceAt], fields.nonce.size(), fields.nonce.begin());
  fields.write_counter = virtio::load_be<uint32_t>(&frame[kWriteCounterAt]);
  fields.address = virtio::load_be<uint16_t>(&frame[kAddressAt]);
  fields.block_count = virtio::load_be<uint16_t>(&frame[kBlockCountAt]);
  fields.result = virtio::load_be<uint16_t>(&frame[kResultAt]);
  fields.type = type_of(frame);
  return fields;
}

std::array<std::byte, VIRTIO_RPMB_KEY_MAC_SIZE> key_mac_of(FrameView frame) {
  std::array<std::byte, VIRTIO_RPMB_KEY_MAC_SIZE> value;
  std::copy_n(&frame[kKeyMacAt], value.size(), value.begin());
  return value;
}

std::span<const std::byte, kBlockSize> block_of(FrameView frame) {
  return frame.subspan<kDataAt, kBlockSize>();
}

std::span<const std::byte> authenticated_part(FrameView frame) { return frame.subspan(kDataAt); }

void format_frame(const Fields& fields, std::span<const std::byte> block,
                  std::span<std::byte, kFrameSize> frame) {
  std::fill_n(frame.begin(), kDataAt, std::byte{0});
  const auto data = frame.subspan<kDataAt, kBlockSize>();
  std::fill(std::copy(block.begin(), block.end(), data.begin()), data.end(), std::byte{0});
  std::copy(fields.nonce.begin(), fields.nonce.end(), &frame[kNonceAt]);
  virtio::store_be(&frame[kWriteCounterAt], fields.write_counter);
  virtio::store_be(&frame[kAddressAt], fields.address);
  virtio::store_be(&frame[kBlockCountAt], fields.block_count);
  virtio::store_be(&frame[kResultAt], fields.result);
  virtio::store_be(&frame[kTypeAt], fields.type);
}

void set_mac(const Mac& mac, std::span<std::byte, kFrameSize> frame) {
  std::copy(mac.begin(), mac.end(), &frame[kKeyMacAt]);
}

}  // namespace stratos::rpmb
