// SPDX-License-Identifier: Apache-2.0
// CRC-32 (the one of Ethernet), bit by bit: for the few hundred bytes of a record.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::virtio {

constexpr uint32_t crc32(std::span<const std::byte> data) {
  constexpr uint32_t kPolynomial = 0xedb88320;
  uint32_t crc = 0xffffffff;
  for (const std::byte byte : data) {
    crc ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (kPolynomial & (0U - (crc & 1U)));
  }
  return ~crc;
}

}  // namespace stratos::virtio
