// SPDX-License-Identifier: Apache-2.0
// Comparing secrets.

#pragma once

#include <array>
#include <cstddef>

namespace stratos::rpmb {

// Whether two keys or MACs are the same, in a time that does not depend on where they
// differ: a guest that could time it would find a MAC byte by byte. The empty asm
// statement keeps the compiler from seeing that the loop could end early.
template <size_t kSize>
bool equal_in_constant_time(const std::array<std::byte, kSize>& a,
                            const std::array<std::byte, kSize>& b) {
  unsigned difference = 0;
  for (size_t i = 0; i < kSize; ++i) {
    difference |= std::to_integer<unsigned>(a[i] ^ b[i]);
    asm volatile("" : "+r"(difference));
  }
  return difference == 0;
}

}  // namespace stratos::rpmb
