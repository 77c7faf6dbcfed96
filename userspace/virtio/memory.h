// SPDX-License-Identifier: Apache-2.0
// Bounded access to the memory that a driver shares with a device.
//
// A driver names memory by addresses of its own: offsets in a device's region,
// or guest physical addresses. Memory turns them into pointers, and there is no
// other way from a number that a peer wrote to a pointer.

#pragma once

#include <algorithm>
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
  // `zero` says whether address 0 means anything: an offset of 0 in a region is never valid
  // (Documentation/transport.rst), a guest physical address of 0 is.
  constexpr explicit Memory(std::span<const Window> windows, bool zero = false)
      : windows_(windows), zero_(zero) {}

  // The memory from `address` on, up to `length` bytes of it: less if the window ends before
  // that, nothing if the address is in none.
  constexpr std::span<std::byte> piece(uint64_t address, uint64_t length) const {
    if (address == 0 && !zero_) return {};
    for (const Window& window : windows_) {
      if (address < window.address) continue;
      const uint64_t offset = address - window.address;
      if (offset >= window.size) continue;
      return {window.base + offset, static_cast<size_t>(std::min(length, window.size - offset))};
    }
    return {};
  }
  // The memory at [address, address + length), or nullptr if the range is empty or does not
  // lie within one window.
  constexpr std::byte* at(uint64_t address, uint64_t length) const {
    const std::span<std::byte> found = piece(address, length);
    return length != 0 && found.size() == length ? found.data() : nullptr;
  }

 private:
  std::span<const Window> windows_;
  bool zero_ = false;
};

}  // namespace stratos::virtio
