// SPDX-License-Identifier: Apache-2.0
// Integers as they lie on the wire and in shared memory: little endian, but for devices
// whose payload is older than virtio.

#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace stratos::virtio {

template <std::unsigned_integral T>
constexpr T to_le(T value) {
  if constexpr (std::endian::native == std::endian::big) return std::byteswap(value);
  return value;
}

template <std::unsigned_integral T>
constexpr T from_le(T value) {
  return to_le(value);
}

// Reads a little-endian integer at any alignment.
template <std::unsigned_integral T>
inline T load_le(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return from_le(value);
}

// Writes a little-endian integer at any alignment.
template <std::unsigned_integral T>
inline void store_le(std::byte* to, T value) {
  value = to_le(value);
  std::memcpy(to, &value, sizeof(value));
}

// The same, big endian.
template <std::unsigned_integral T>
inline T load_be(const std::byte* from) {
  return std::byteswap(load_le<T>(from));
}
template <std::unsigned_integral T>
inline void store_be(std::byte* to, T value) {
  store_le(to, std::byteswap(value));
}

}  // namespace stratos::virtio
