// SPDX-License-Identifier: Apache-2.0
// Finds one of the three areas of a queue.

#pragma once

#include <cstddef>
#include <cstdint>

#include "virtio/memory.h"
#include "virtio/queue_types.h"

namespace stratos::virtio {

// Sets `area` to the `size` bytes at `address`. The pointer is as aligned as the
// address, so that the words in it can be accessed atomically.
inline QueueError find_area(const Memory& memory, uint64_t address, size_t size, uint32_t alignment,
                            std::byte*& area) {
  if (address % alignment != 0) return QueueError::kAlignment;
  area = memory.at(address, size);
  if (area == nullptr) return QueueError::kBounds;
  if (reinterpret_cast<uintptr_t>(area) % alignment != 0) return QueueError::kAlignment;
  return QueueError::kNone;
}

}  // namespace stratos::virtio
