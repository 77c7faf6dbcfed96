// SPDX-License-Identifier: Apache-2.0
// Stands for userspace/virtio/shared_word.h in the model check.

#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "access.h"

namespace stratos::virtio {

template <std::unsigned_integral Word>
class SharedWord {
 public:
  constexpr SharedWord() = default;
  explicit SharedWord(std::byte* at) : at_(at) {}

  Word load(std::memory_order = std::memory_order_acquire) const {
    return static_cast<Word>(model::load(at_, sizeof(Word)));
  }
  void store(Word value, std::memory_order order = std::memory_order_release) const {
    model::store(at_, sizeof(Word), value, order);
  }

 private:
  std::byte* at_ = nullptr;
};

using SharedWord16 = SharedWord<uint16_t>;
using SharedWord32 = SharedWord<uint32_t>;

}  // namespace stratos::virtio
