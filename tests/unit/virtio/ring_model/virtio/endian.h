// SPDX-License-Identifier: Apache-2.0
// Stands for userspace/virtio/endian.h in the model check.

#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "access.h"

namespace stratos::virtio {

static_assert(std::endian::native == std::endian::little);

template <std::unsigned_integral T>
inline T load_le(const std::byte* from) {
  if (model::is_shared(from)) return static_cast<T>(model::load(from, sizeof(T)));
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <std::unsigned_integral T>
inline void store_le(std::byte* to, T value) {
  if (model::is_shared(to)) return model::store(to, sizeof(T), value, std::memory_order_relaxed);
  std::memcpy(to, &value, sizeof(value));
}

}  // namespace stratos::virtio
