// SPDX-License-Identifier: Apache-2.0
// The Tx chains that a bus is busy with, oldest first, in storage of the caller.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/can/bus.h"
#include "virtio/chain.h"

namespace stratos::can {

struct TxSlot {
  virtio::Chain chain;
  uint16_t generation = 0;  // tells this use of the slot from earlier ones
  bool busy = false;
};

// A ring of slots. A token is the slot's index and generation, so that a bus which
// reports an old transmission, or one twice, changes nothing.
class TxWindow {
 public:
  static constexpr size_t kMaxSlots = 0x10000;

  explicit TxWindow(std::span<TxSlot> slots)
      : slots_(slots.first(slots.size() < kMaxSlots ? slots.size() : kMaxSlots)) {}

  bool empty() const { return used_ == 0; }
  bool full() const { return used_ == slots_.size(); }

  // The next free slot: where to pop a chain to, and its name towards the bus. Only
  // if the window is not full; nothing is taken before add().
  virtio::Chain& candidate() { return slots_[tail()].chain; }
  TxToken candidate_token() const { return token(tail()); }
  void add() {
    slots_[tail()].busy = true;
    ++used_;
  }

  // The chain that `token` names, or nullptr if none is under way by that name.
  const virtio::Chain* find(TxToken name) const {
    const size_t index = name & 0xffff;
    if (index >= slots_.size() || !slots_[index].busy || token(index) != name) return nullptr;
    return &slots_[index].chain;
  }
  // Takes `name`, which find() knows, out of the window.
  void remove(TxToken name) {
    release(name & 0xffff);
    while (used_ > 0 && !slots_[head_].busy) advance();
  }
  // Takes out the oldest chain; the window must not be empty. The reference is good
  // until the next add().
  const virtio::Chain& remove_oldest() {
    const virtio::Chain& chain = slots_[head_].chain;
    remove(token(head_));
    return chain;
  }
  void clear() {
    while (!empty()) remove_oldest();
  }

 private:
  size_t tail() const { return (head_ + used_) % slots_.size(); }
  TxToken token(size_t index) const {
    return static_cast<TxToken>(index) | static_cast<TxToken>(slots_[index].generation) << 16;
  }
  void release(size_t index) {
    slots_[index].busy = false;
    ++slots_[index].generation;
  }
  void advance() {
    head_ = (head_ + 1) % slots_.size();
    --used_;
  }

  std::span<TxSlot> slots_;
  size_t head_ = 0;
  size_t used_ = 0;  // from head_ on, with gaps where the bus was out of order
};

}  // namespace stratos::can
