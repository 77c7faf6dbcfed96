// SPDX-License-Identifier: Apache-2.0
// Builds a chain from private copies of descriptors, checking each.

#pragma once

#include <cstdint>
#include <limits>

#include "virtio/chain.h"
#include "virtio/descriptor.h"
#include "virtio/memory.h"
#include "virtio/queue_types.h"

namespace stratos::virtio {

class ChainBuilder {
 public:
  // Begins `chain` anew.
  ChainBuilder(const Memory& memory, Chain& chain) : memory_(memory), chain_(chain) {
    chain_.header_ = {};
  }

  // Adds a direct descriptor, or one of an indirect table.
  QueueError add(const Descriptor& descriptor) {
    Chain::Header& header = chain_.header_;
    if (header.count == kMaxSegments) return QueueError::kChainTooLong;
    if (descriptor.size == 0) return QueueError::kSegmentEmpty;
    std::byte* data = memory_.at(descriptor.address, descriptor.size);
    if (data == nullptr) return QueueError::kSegmentBounds;
    if (descriptor.size > kMaxChainSize - header.readable_size - header.writable_size) {
      return QueueError::kChainSize;
    }
    if ((descriptor.flags & kDescWrite) != 0) {
      header.writable_size += descriptor.size;
    } else {
      if (header.writable_size != 0) return QueueError::kReadableAfterWritable;
      header.readable_size += descriptor.size;
      ++header.readable_count;
    }
    chain_.segments_[header.count++] = {data, descriptor.size};
    return QueueError::kNone;
  }

  // The indirect table that `descriptor` names, or an error. WRITE means nothing here
  // and is ignored, as the specification demands.
  QueueError open_table(const Descriptor& descriptor, const std::byte*& table,
                        uint16_t& entries) const {
    const size_t count = descriptor.size / kDescriptorSize;
    if (count == 0 || count > kMaxSegments || descriptor.size % kDescriptorSize != 0) {
      return QueueError::kIndirectSize;
    }
    table = memory_.at(descriptor.address, descriptor.size);
    if (table == nullptr) return QueueError::kIndirectBounds;
    entries = static_cast<uint16_t>(count);
    return QueueError::kNone;
  }

 private:
  static constexpr uint32_t kMaxChainSize = std::numeric_limits<uint32_t>::max();

  const Memory& memory_;
  Chain& chain_;
};

}  // namespace stratos::virtio
