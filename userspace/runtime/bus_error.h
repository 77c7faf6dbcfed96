// SPDX-License-Identifier: Apache-2.0
// Memory whose file somebody else may cut off: touching what is gone raises SIGBUS, which
// must end his session and not this process.

#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace stratos::runtime {

// While it lives, a SIGBUS in its range is answered by private zeros in place of all of the
// range, and remembered. Any other SIGBUS kills as ever.
class BusErrorGuard {
 public:
  BusErrorGuard() = default;
  // Guards a whole mapping, which outlives this. If too many guards live (1024), there is none.
  explicit BusErrorGuard(std::span<std::byte> mapping);
  BusErrorGuard(BusErrorGuard&& other) noexcept : slot_(std::exchange(other.slot_, kNone)) {}
  BusErrorGuard& operator=(BusErrorGuard&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~BusErrorGuard();

  // False if the range is not guarded.
  bool armed() const { return slot_ != kNone; }
  // Whether memory was found to be gone.
  bool hit() const;

 private:
  static constexpr int kNone = -1;
  int slot_ = kNone;
};

}  // namespace stratos::runtime
