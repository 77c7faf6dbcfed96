// SPDX-License-Identifier: Apache-2.0
// Builds a chain from private copies of descriptors, checking each.

#pragma once

#include <cstdint>
#include <limits>
#include <span>

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
    const Chain::Header& header = chain_.header_;
    if (header.count == kMaxSegments) return QueueError::kChainTooLong;
    if (descriptor.size == 0) return QueueError::kSegmentEmpty;
    const bool writable = (descriptor.flags & kDescWrite) != 0;
    std::span<std::byte> data = memory_.piece(descriptor.address, descriptor.size);
    if (data.empty()) return QueueError::kSegmentBounds;
    if (descriptor.size > kMaxChainSize - header.readable_size - header.writable_size) {
      return QueueError::kChainSize;
    }
    if (!writable && header.writable_size != 0) return QueueError::kReadableAfterWritable;
    add_segment(data, writable);
    return data.size() == descriptor.size ? QueueError::kNone
                                          : add_rest(descriptor, data.size(), writable);
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
  void add_segment(std::span<std::byte> data, bool writable) {
    Chain::Header& header = chain_.header_;
    const auto size = static_cast<uint32_t>(data.size());
    (writable ? header.writable_size : header.readable_size) += size;
    if (!writable) ++header.readable_count;
    chain_.segments_[header.count++] = {data.data(), size};
  }

  // A buffer may lie across windows that follow each other; each part is a segment.
  QueueError add_rest(const Descriptor& descriptor, size_t done, bool writable) {
    while (done < descriptor.size) {
      if (chain_.header_.count == kMaxSegments) return QueueError::kChainTooLong;
      if (done > std::numeric_limits<uint64_t>::max() - descriptor.address) {
        return QueueError::kSegmentBounds;
      }
      const auto data = memory_.piece(descriptor.address + done, descriptor.size - done);
      if (data.empty()) return QueueError::kSegmentBounds;
      add_segment(data, writable);
      done += data.size();
    }
    return QueueError::kNone;
  }

  static constexpr uint32_t kMaxChainSize = std::numeric_limits<uint32_t>::max();

  const Memory& memory_;
  Chain& chain_;
};

}  // namespace stratos::virtio
