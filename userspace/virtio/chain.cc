// SPDX-License-Identifier: Apache-2.0

#include "virtio/chain.h"

#include <cstring>

namespace stratos::virtio {
namespace {

// Calls copy(segment bytes, position, length) for each piece of `segments` that lies in
// [offset, offset + size); returns how many bytes that were.
template <typename Copy>
size_t for_each_piece(std::span<const Segment> segments, uint64_t offset, size_t size, Copy copy) {
  size_t done = 0;
  for (const Segment& segment : segments) {
    if (done == size) break;
    if (offset >= segment.size) {
      offset -= segment.size;
      continue;
    }
    const auto skip = static_cast<uint32_t>(offset);
    const size_t length = std::min<size_t>(segment.size - skip, size - done);
    copy(segment.data + skip, done, length);
    done += length;
    offset = 0;
  }
  return done;
}

}  // namespace

size_t Chain::read(uint64_t offset, std::span<std::byte> into) const {
  return for_each_piece(readable(), offset, into.size(),
                        [into](const std::byte* from, size_t position, size_t length) {
                          std::memcpy(into.data() + position, from, length);
                        });
}

size_t Chain::write(uint64_t offset, std::span<const std::byte> from) const {
  return for_each_piece(writable(), offset, from.size(),
                        [from](std::byte* to, size_t position, size_t length) {
                          std::memcpy(to, from.data() + position, length);
                        });
}

}  // namespace stratos::virtio
