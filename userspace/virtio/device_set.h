// SPDX-License-Identifier: Apache-2.0
// Sets of device numbers, one bit each.

#pragma once

#include <bit>
#include <cstdint>

namespace stratos::virtio {

using DeviceSet = uint64_t;

constexpr DeviceSet device_bit(uint32_t number) { return DeviceSet{1} << number; }

// Calls `visit(number)` for each device of a set, lowest first.
template <typename Visit>
void for_each_device(DeviceSet set, Visit&& visit) {
  for (; set != 0; set &= set - 1) visit(static_cast<uint16_t>(std::countr_zero(set)));
}

}  // namespace stratos::virtio
