// SPDX-License-Identifier: Apache-2.0
// What a fuzzer was given, taken apart piece by piece.

#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace stratos::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : provider_(data, size) {}

  bool more() { return provider_.remaining_bytes() > 0; }
  // A number from 0 to `last`.
  template <typename Number = uint32_t>
  Number up_to(Number last) {
    return provider_.ConsumeIntegralInRange<Number>(0, last);
  }
  template <typename Number>
  Number any() {
    return provider_.ConsumeIntegral<Number>();
  }
  bool chance() { return provider_.ConsumeBool(); }
  // At most `most` bytes; how many is part of the input.
  std::vector<std::byte> bytes(size_t most) {
    const auto taken = provider_.ConsumeBytes<uint8_t>(up_to<size_t>(most));
    std::vector<std::byte> result(taken.size());
    std::ranges::transform(taken, result.begin(), [](uint8_t byte) { return std::byte{byte}; });
    return result;
  }
  // Writes at most `most` bytes somewhere into `memory`.
  void scribble(std::span<std::byte> memory, size_t most) {
    const auto at = up_to<size_t>(memory.size() - 1);
    const auto what = bytes(std::min(most, memory.size() - at));
    std::ranges::copy(what, memory.begin() + static_cast<ptrdiff_t>(at));
  }

 private:
  FuzzedDataProvider provider_;
};

// What must hold whatever the input was.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace stratos::fuzz

// The entry of a fuzzer whose function `run` takes an Input.
#define STRATOS_FUZZER(run)                                                 \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    stratos::fuzz::Input input(data, size);                                 \
    run(input);                                                             \
    return 0;                                                               \
  }
