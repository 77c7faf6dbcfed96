// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/result_register.h"

#include "virtio/endian.h"

namespace stratos::rpmb {
namespace {

constexpr std::byte kVersion{1};

}  // namespace

void ResultRegister::save(std::span<std::byte> into) const {
  into[0] = kVersion;
  into[1] = static_cast<std::byte>(request);
  into[2] = static_cast<std::byte>(result);
  virtio::store_le(&into[3], write_counter);
  virtio::store_le(&into[7], address);
}

bool ResultRegister::restore(std::span<const std::byte> from) {
  if (from.size() != kSavedSize || from[0] != kVersion) return false;
  const auto type = std::to_integer<size_t>(from[1]);
  const auto code = std::to_integer<size_t>(from[2]);
  if (type >= kRequestTypes || code >= kResults) return false;
  request = static_cast<RequestType>(type);
  result = static_cast<Result>(code);
  write_counter = virtio::load_le<uint32_t>(&from[3]);
  address = virtio::load_le<uint16_t>(&from[7]);
  return true;
}

}  // namespace stratos::rpmb
