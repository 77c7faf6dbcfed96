// SPDX-License-Identifier: Apache-2.0
// Memory that a driver under test shares with a device.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/memory.h"

namespace stratos::test {

// Hands out addresses in a region, one after another. Fresh memory is zero and is
// shared with children of fork().
class DriverMemory {
 public:
  // Maps `size` bytes. Addresses count from 0; the first 64 bytes stay unused.
  explicit DriverMemory(size_t size);
  // Works in somebody else's memory, whose first byte has address `address`.
  DriverMemory(std::span<std::byte> bytes, uint64_t address);
  ~DriverMemory();
  DriverMemory(const DriverMemory&) = delete;
  DriverMemory& operator=(const DriverMemory&) = delete;

  // The address of `size` fresh bytes. Throws std::bad_alloc.
  uint64_t allocate(size_t size, size_t alignment = 16);
  std::byte* at(uint64_t address) const { return window_.base + (address - window_.address); }
  std::span<std::byte> bytes() const { return {window_.base, static_cast<size_t>(window_.size)}; }

  // As a device sees it; valid as long as this object.
  virtio::Memory memory() const { return virtio::Memory(std::span(&window_, 1)); }

 private:
  virtio::Window window_;
  uint64_t next_ = 64;
  bool owned_ = false;
};

}  // namespace stratos::test
