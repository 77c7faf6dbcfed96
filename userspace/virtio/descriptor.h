// SPDX-License-Identifier: Apache-2.0
// One descriptor, as split and packed rings and indirect tables hold it (virtio 1.2,
// 2.7.5 and 2.8.13).

#pragma once

#include <cstddef>
#include <cstdint>

#include "virtio/load_once.h"

namespace stratos::virtio {

inline constexpr size_t kDescriptorSize = 16;

inline constexpr uint16_t kDescNext = 1 << 0;
inline constexpr uint16_t kDescWrite = 1 << 1;
inline constexpr uint16_t kDescIndirect = 1 << 2;
inline constexpr uint16_t kDescAvail = 1 << 7;  // packed only
inline constexpr uint16_t kDescUsed = 1 << 15;  // packed only

// A private copy.
struct Descriptor {
  uint64_t address;
  uint32_t size;
  uint16_t flags;
  uint16_t link;  // next (split) or buffer id (packed)
};

// Where the fields lie that are accessed one by one (packed).
inline constexpr uint32_t kPackedSizeOffset = 8;
inline constexpr uint32_t kPackedIdOffset = 12;
inline constexpr uint32_t kPackedFlagsOffset = 14;

// Reads a descriptor of a split ring or of its indirect tables, once.
inline Descriptor load_split_descriptor(const std::byte* from) {
  const auto address = load_once<uint64_t>(from);
  const auto rest = load_once<uint64_t>(from + 8);
  return {address, static_cast<uint32_t>(rest), static_cast<uint16_t>(rest >> 32),
          static_cast<uint16_t>(rest >> 48)};
}

// The same for a packed ring, where id and flags lie the other way round.
inline Descriptor load_packed_descriptor(const std::byte* from) {
  const auto address = load_once<uint64_t>(from);
  const auto rest = load_once<uint64_t>(from + 8);
  return {address, static_cast<uint32_t>(rest), static_cast<uint16_t>(rest >> 48),
          static_cast<uint16_t>(rest >> 32)};
}

}  // namespace stratos::virtio
