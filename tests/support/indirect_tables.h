// SPDX-License-Identifier: Apache-2.0
// One indirect table for each chain that a driver under test can have out.

#pragma once

#include <cstdint>

#include "driver_memory.h"
#include "virtio/chain.h"
#include "virtio/descriptor.h"

namespace stratos::test {

class IndirectTables {
 public:
  IndirectTables(DriverMemory& memory, uint16_t count, bool wanted)
      : base_(wanted ? memory.allocate(count * kBytes) : 0) {}

  // The table of chain `id`, for at most virtio::kMaxSegments descriptors.
  uint64_t address(uint16_t id) const { return base_ + id * kBytes; }

 private:
  static constexpr size_t kBytes = virtio::kMaxSegments * virtio::kDescriptorSize;
  uint64_t base_;
};

}  // namespace stratos::test
