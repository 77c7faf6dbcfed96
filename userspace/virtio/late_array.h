// SPDX-License-Identifier: Apache-2.0
// An array for a maximum that few reach: an element begins to exist when it is first
// made, and memory of the others is never touched, so that it costs no page.

#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <type_traits>

#include "virtio/device_set.h"

namespace stratos::virtio {

// Indexed by device number. Elements are never destroyed.
template <typename T, size_t kSize>
class LateArray {
 public:
  // Makes the element if it was not made yet; it keeps its value otherwise.
  T& make(uint32_t number) {
    if ((made_ & device_bit(number)) == 0) ::new (&places_[number].element) T;
    made_ |= device_bit(number);
    return places_[number].element;
  }
  // Only what make() made.
  T& operator[](uint32_t number) { return places_[number].element; }
  const T& operator[](uint32_t number) const { return places_[number].element; }

 private:
  static_assert(kSize <= 64, "a DeviceSet says which were made");
  static_assert(std::is_trivially_destructible_v<T>);

  union Place {
    Place() {}  // leaves the memory alone
    T element;
  };

  DeviceSet made_ = 0;
  std::array<Place, kSize> places_;
};

}  // namespace stratos::virtio
