// SPDX-License-Identifier: Apache-2.0
// Noise that is the same in each run.

#pragma once

#include <cstddef>
#include <random>
#include <span>

namespace stratos::guest {

inline void fill_with_noise(std::span<std::byte> area, std::minstd_rand& random) {
  for (std::byte& byte : area) byte = static_cast<std::byte>(random() >> 8);
}

}  // namespace stratos::guest
