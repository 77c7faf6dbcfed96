// SPDX-License-Identifier: Apache-2.0
// Little-endian fields, one after another, in a bounded span of private memory.
//
// Reader and Writer have the same functions, so that one description of a structure
// serves both directions. Running out of space is remembered and not repeated: check
// ok() at the end.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "virtio/endian.h"

namespace stratos::virtio {

class WireReader {
 public:
  explicit constexpr WireReader(std::span<const std::byte> from) : from_(from) {}

  template <typename Word>
  void word(Word& value) {
    Word raw{};
    bytes(std::as_writable_bytes(std::span(&raw, 1)));
    value = from_le(raw);
  }
  void bytes(std::span<std::byte> into) {
    const auto piece = take(into.size());
    if (ok_ && !into.empty()) std::memcpy(into.data(), piece.data(), into.size());
  }
  void zeros(size_t count) { take(count); }
  // `count` bytes that stay where they are.
  void tail(std::span<const std::byte>& value, uint64_t count) { value = take(count); }

  bool ok() const { return ok_; }
  size_t position() const { return position_; }

 private:
  std::span<const std::byte> take(uint64_t count) {
    if (!ok_ || count > from_.size() - position_) {
      ok_ = false;
      return {};
    }
    const auto piece = from_.subspan(position_, static_cast<size_t>(count));
    position_ += static_cast<size_t>(count);
    return piece;
  }

  std::span<const std::byte> from_;
  size_t position_ = 0;
  bool ok_ = true;
};

class WireWriter {
 public:
  explicit constexpr WireWriter(std::span<std::byte> into) : into_(into) {}

  template <typename Word>
  void word(const Word& value) {
    const Word raw = to_le(value);
    bytes(std::as_bytes(std::span(&raw, 1)));
  }
  void bytes(std::span<const std::byte> from) {
    if (!ok_ || from.size() > into_.size() - position_) {
      ok_ = false;
      return;
    }
    if (!from.empty()) std::memcpy(into_.data() + position_, from.data(), from.size());
    position_ += from.size();
  }
  void zeros(size_t count) {
    for (; count != 0; --count) bytes(std::as_bytes(std::span(&kZero, 1)));
  }
  // `value` has to have `count` bytes.
  void tail(std::span<const std::byte> value, uint64_t count) {
    if (value.size() != count) ok_ = false;
    bytes(value);
  }

  bool ok() const { return ok_; }
  size_t position() const { return position_; }

 private:
  static constexpr uint8_t kZero = 0;
  std::span<std::byte> into_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace stratos::virtio
