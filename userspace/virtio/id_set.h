// SPDX-License-Identifier: Apache-2.0
// A set of numbers below kMaxQueueSize.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "virtio/queue_types.h"

namespace stratos::virtio {

class IdSet {
 public:
  void clear() { words_.fill(0); }
  bool empty() const {
    return std::all_of(words_.begin(), words_.end(), [](uint32_t word) { return word == 0; });
  }
  bool contains(uint16_t id) const { return (words_[id / 32] & bit(id)) != 0; }
  // False if it was in already.
  bool insert(uint16_t id) {
    uint32_t& word = words_[id / 32];
    if ((word & bit(id)) != 0) return false;
    word |= bit(id);
    return true;
  }
  // False if it was not in.
  bool erase(uint16_t id) {
    uint32_t& word = words_[id / 32];
    if ((word & bit(id)) == 0) return false;
    word &= ~bit(id);
    return true;
  }

 private:
  static constexpr uint32_t bit(uint16_t id) { return uint32_t{1} << (id % 32); }

  std::array<uint32_t, (kMaxQueueSize + 31) / 32> words_{};
};

}  // namespace stratos::virtio
