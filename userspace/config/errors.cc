// SPDX-License-Identifier: Apache-2.0
#include "config/errors.h"

#include <fmt/format.h>

#include <algorithm>

namespace stratos::config {

void Errors::add(unsigned line, std::string_view key, std::string_view text) {
  errors_.push_back({line, fmt::format("{}: {}", key, text)});
}

std::vector<std::string> Errors::lines(std::string_view file) const {
  std::vector<Error> sorted = errors_;
  std::ranges::stable_sort(sorted, {}, &Error::line);
  std::vector<std::string> lines;
  lines.reserve(sorted.size());
  for (const Error& error : sorted) {
    lines.push_back(fmt::format("{}:{}: {}", file, error.line, error.text));
  }
  return lines;
}

}  // namespace stratos::config
