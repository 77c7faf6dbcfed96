// SPDX-License-Identifier: Apache-2.0
// A place in a packed ring and the lap in which it is (virtio 1.2, 2.8.1).

#pragma once

#include <cstdint>

#include "virtio/descriptor.h"

namespace stratos::virtio {

struct PackedPosition {
  uint16_t slot = 0;
  bool wrap = true;  // the wrap counter

  void advance(uint32_t slots, uint16_t size) {
    uint32_t next = slot + slots;
    if (next >= size) {
      next -= size;
      wrap = !wrap;
    }
    slot = static_cast<uint16_t>(next);
  }

  void retreat(uint32_t slots, uint16_t size) {
    if (slots > slot) {
      slot = static_cast<uint16_t>(slot + size);
      wrap = !wrap;
    }
    slot = static_cast<uint16_t>(slot - slots);
  }

  // The bits that say available and used in a lap with this wrap counter.
  uint16_t avail_flags() const { return wrap ? kDescAvail : kDescUsed; }
  uint16_t used_flags() const { return wrap ? kDescAvail | kDescUsed : 0; }
  bool is_avail(uint16_t flags) const {
    return (flags & (kDescAvail | kDescUsed)) == avail_flags();
  }

  friend bool operator==(const PackedPosition&, const PackedPosition&) = default;
};

}  // namespace stratos::virtio
