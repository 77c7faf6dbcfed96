// SPDX-License-Identifier: Apache-2.0
// Where the accesses to shared memory go in the model check. The headers in virtio/ next to
// this one stand in front of those of userspace/virtio, so that the sources of the rings
// are compiled as they are.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::model {

// The memory that both sides share. Nobody may touch it: an access that does not come
// through here ends the test.
std::span<std::byte> region();

// Whether `at` is in there.
bool is_shared(const std::byte* at);
// The word of `size` bytes (at most 8), little endian.
uint64_t load(const std::byte* at, size_t size);
void store(std::byte* at, size_t size, uint64_t value, std::memory_order order);
void barrier();

}  // namespace stratos::model
