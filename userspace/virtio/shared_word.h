// SPDX-License-Identifier: Apache-2.0
// One little-endian word in memory that a peer writes or reads at the same time.
// Words have at most 32 bits, so that every target can link.

#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "virtio/endian.h"

namespace stratos::virtio {

template <std::unsigned_integral Word>
requires(sizeof(Word) <= sizeof(uint32_t)) class SharedWord {
 public:
  constexpr SharedWord() = default;
  // `at` is aligned for the word and outlives this.
  explicit SharedWord(std::byte* at) : word_(reinterpret_cast<Word*>(at)) {}

  Word load(std::memory_order order = std::memory_order_acquire) const {
    return from_le(std::atomic_ref<Word>(*word_).load(order));
  }
  void store(Word value, std::memory_order order = std::memory_order_release) const {
    std::atomic_ref<Word>(*word_).store(to_le(value), order);
  }

 private:
  Word* word_ = nullptr;
};

using SharedWord16 = SharedWord<uint16_t>;
using SharedWord32 = SharedWord<uint32_t>;

}  // namespace stratos::virtio
