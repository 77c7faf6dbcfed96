// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdlib>

namespace stratos::guest {

// How long a soak goes on, for each kernel: STRATOS_SOAK_SECONDS, or else `usual`.
inline std::chrono::seconds soak_time(std::chrono::seconds usual) {
  const char* const seconds = std::getenv("STRATOS_SOAK_SECONDS");
  return seconds ? std::chrono::seconds(std::atol(seconds)) : usual;
}

}  // namespace stratos::guest
