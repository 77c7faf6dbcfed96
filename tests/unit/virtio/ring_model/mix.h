// SPDX-License-Identifier: Apache-2.0
// Hashes of 64 bits for states.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace stratos::model {

inline constexpr uint64_t kSecondHash = 0xd1b54a32d192ed03;

// `hash`, with `value` behind what it stands for.
inline uint64_t mix(uint64_t hash, uint64_t value) {
  uint64_t x = (hash ^ value) + 0x9e3779b97f4a7c15 + (hash << 6);
  x = (x ^ (x >> 32)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 29)) * 0x94d049bb133111eb;
  return x ^ (x >> 32);
}

inline uint64_t mix(uint64_t hash, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t size = std::min(sizeof(word), bytes.size());
    std::memcpy(&word, bytes.data(), size);
    hash = mix(hash, word);
    bytes = bytes.subspan(size);
  }
  return hash;
}

}  // namespace stratos::model
