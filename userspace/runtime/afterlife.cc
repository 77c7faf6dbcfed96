// SPDX-License-Identifier: Apache-2.0
#include "runtime/afterlife.h"

#include <thread>

namespace stratos::runtime {

bool outwait(const std::function<bool()>& over, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kInterval{10};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!over()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kInterval);
  }
  return true;
}

}  // namespace stratos::runtime
