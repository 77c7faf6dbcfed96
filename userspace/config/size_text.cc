// SPDX-License-Identifier: Apache-2.0
#include "config/size_text.h"

#include <charconv>
#include <limits>

namespace stratos::config {
namespace {

struct Unit {
  char letter;
  unsigned shift;
};
constexpr Unit kUnits[] = {{'G', 30}, {'M', 20}, {'K', 10}};

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty()) {
    for (const Unit& unit : kUnits) {
      if (text.back() == unit.letter) shift = unit.shift;
    }
    if (shift != 0) text.remove_suffix(1);
  }
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  if (value > (std::numeric_limits<uint64_t>::max() >> shift)) return std::nullopt;
  return value << shift;
}

std::string format_size(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    const uint64_t factor = uint64_t{1} << unit.shift;
    if (bytes != 0 && bytes % factor == 0) return std::to_string(bytes / factor) + unit.letter;
  }
  return std::to_string(bytes);
}

}  // namespace stratos::config
