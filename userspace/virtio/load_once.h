// SPDX-License-Identifier: Apache-2.0
// The single read of a field that a peer may change at any time.

#pragma once

#include <concepts>
#include <cstddef>

#include "virtio/endian.h"

namespace stratos::virtio {

// Reads a little-endian integer exactly once, at any alignment. The value passes
// through an empty asm statement, so that the compiler cannot go back to memory,
// where the value may have changed since it was checked.
template <std::unsigned_integral T>
inline T load_once(const std::byte* from) {
  T value = load_le<T>(from);
  asm volatile("" : "+r"(value));
  return value;
}

}  // namespace stratos::virtio
