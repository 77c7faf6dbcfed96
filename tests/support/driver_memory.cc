// SPDX-License-Identifier: Apache-2.0

#include "driver_memory.h"

#include <sys/mman.h>

#include <new>

namespace stratos::test {

DriverMemory::DriverMemory(size_t size) : owned_(true) {
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  window_ = {0, size, static_cast<std::byte*>(base)};
}

DriverMemory::DriverMemory(std::span<std::byte> bytes, uint64_t address)
    : window_{address, bytes.size(), bytes.data()} {}

DriverMemory::~DriverMemory() {
  if (owned_) munmap(window_.base, window_.size);
}

uint64_t DriverMemory::allocate(size_t size, size_t alignment) {
  const uint64_t begin = (next_ + alignment - 1) / alignment * alignment;
  if (size > window_.size || begin > window_.size - size) throw std::bad_alloc();
  next_ = begin + size;
  return window_.address + begin;
}

}  // namespace stratos::test
