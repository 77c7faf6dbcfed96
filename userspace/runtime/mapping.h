// SPDX-License-Identifier: Apache-2.0
// A mapping with one owner.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <span>
#include <system_error>
#include <utility>

namespace stratos::runtime {

class Mapping {
 public:
  // Maps `size` bytes of `fd` from `offset` on, to read and to write, shared.
  static std::expected<Mapping, std::error_code> map(int fd, size_t size, off_t offset = 0);

  // Memory of our own, whole pages of zeros; what is not touched costs nothing.
  static std::expected<Mapping, std::error_code> anonymous(size_t size);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  static std::expected<Mapping, std::error_code> make(int flags, int fd, size_t size, off_t offset);
  explicit Mapping(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace stratos::runtime
