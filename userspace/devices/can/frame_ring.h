// SPDX-License-Identifier: Apache-2.0
// A bounded queue of frames, in storage of the caller.

#pragma once

#include <cstddef>
#include <span>

#include "devices/can/bus.h"

namespace stratos::can {

class FrameRing {
 public:
  explicit FrameRing(std::span<Frame> storage) : frames_(storage) {}

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t capacity() const { return frames_.size(); }

  // False if the ring is full.
  bool push(const Frame& frame) {
    if (size_ == frames_.size()) return false;
    frames_[(head_ + size_) % frames_.size()] = frame;
    ++size_;
    return true;
  }
  // The oldest frame; the ring must not be empty.
  const Frame& front() const { return frames_[head_]; }
  void pop() {
    head_ = (head_ + 1) % frames_.size();
    --size_;
  }
  void clear() { size_ = 0; }

 private:
  std::span<Frame> frames_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace stratos::can
