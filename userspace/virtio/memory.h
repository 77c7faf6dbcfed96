// SPDX-License-Identifier: Apache-2.0
// Bounded access to the memory that a driver shares with a device.
//
// A driver names memory by addresses of its own: offsets in a device's region,
// or guest physical addresses. Memory turns them into pointers, and there is no
// other way from a number that a peer wrote to a pointer.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::virtio {

// One piece of shared memory and the address under which the driver knows it.
struct Window {
  uint64_t address = 0;       // first address, as the driver writes it
  uint64_t size = 0;          // bytes
  std::byte* base = nullptr;  // where it is mapped here
};

// A view of all the windows of one driver. Owns nothing; the windows outlive it.
class Memory {
 public:
  constexpr Memory() = default;
  constexpr explicit Memory(std::span<const Window> windows) : windows_(windows) {}

  // The memory at [address, address + length), or nullptr if the range is empty,
  // starts at address 0 (never valid, see Documentation/transport.rst), or does
  // not lie within one window.
  constexpr std::byte* at(uint64_t address, uint64_t length) const {
    if (address == 0 || length == 0) return nullptr;
    for (const Window& window : windows_) {
      if (address < window.address) continue;
      const uint64_t offset = address - window.address;
      if (offset < window.size && length <= window.size - offset) return window.base + offset;
    }
    return nullptr;
  }

 private:
  std::span<const Window> windows_;
};

}  // namespace stratos::virtio
