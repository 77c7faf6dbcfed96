// SPDX-License-Identifier: Apache-2.0

#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<uint64_t> count{0};
}  // namespace

// All the other forms end in these two.
void* operator new(size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace stratos::bench {
uint64_t allocations() { return count.load(std::memory_order_relaxed); }
}  // namespace stratos::bench
