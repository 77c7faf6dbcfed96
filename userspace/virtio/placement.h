// SPDX-License-Identifier: Apache-2.0
// Finding room for an extent among others.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "virtio/amp_layout.h"

namespace stratos::virtio {

// The first `size` bytes of `space`, aligned, that overlap none of `taken`, in whatever
// order these are. `alignment` divides the page size.
std::optional<Extent> first_fit(const Extent& space, uint64_t size, uint64_t alignment,
                                std::span<const Extent> taken);

// Whether `extent` is one that first_fit() could have returned.
bool fits_in(const Extent& space, const Extent& extent, uint64_t alignment,
             std::span<const Extent> taken);

}  // namespace stratos::virtio
