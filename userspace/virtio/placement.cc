// SPDX-License-Identifier: Apache-2.0

#include "virtio/placement.h"

namespace stratos::virtio {
namespace {

constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

const Extent* find_overlap(const Extent& extent, std::span<const Extent> taken) {
  for (const Extent& other : taken) {
    if (extent.overlaps(other)) return &other;
  }
  return nullptr;
}

}  // namespace

bool fits_in(const Extent& space, const Extent& extent, uint64_t alignment,
             std::span<const Extent> taken) {
  return extent.offset >= space.offset && extent.offset % alignment == 0 &&
         extent.offset - space.offset <= space.size &&
         extent.size <= space.size - (extent.offset - space.offset) &&
         find_overlap(extent, taken) == nullptr;
}

std::optional<Extent> first_fit(const Extent& space, uint64_t size, uint64_t alignment,
                                std::span<const Extent> taken) {
  Extent candidate{align_up(space.offset, alignment), size};
  // Each round steps over at least one of the others.
  for (size_t rounds = 0; rounds <= taken.size(); ++rounds) {
    if (fits_in(space, candidate, alignment, taken)) return candidate;
    const Extent* obstacle = find_overlap(candidate, taken);
    if (obstacle == nullptr) break;
    candidate.offset = align_up(obstacle->end(), alignment);
  }
  return std::nullopt;
}

}  // namespace stratos::virtio
