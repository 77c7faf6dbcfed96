// SPDX-License-Identifier: Apache-2.0
// Bytes as hexadecimal digits.

#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stratos::rpmb_file {

inline std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<size_t>(byte >> 4)];
    text += kDigits[std::to_integer<size_t>(byte & std::byte{15})];
  }
  return text;
}

// nullopt unless `text` is two digits a byte.
template <size_t kSize>
std::optional<std::array<std::byte, kSize>> from_hex(std::string_view text) {
  if (text.size() != 2 * kSize) return std::nullopt;
  std::array<std::byte, kSize> bytes;
  for (size_t i = 0; i < kSize; ++i) {
    const char* digits = text.data() + 2 * i;
    uint8_t value = 0;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
    bytes[i] = std::byte{value};
  }
  return bytes;
}

}  // namespace stratos::rpmb_file
