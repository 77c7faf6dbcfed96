// SPDX-License-Identifier: Apache-2.0
#include "config/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace stratos::config {
namespace {

// Edit distance where swapping two neighbours counts once.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before;
  std::vector<size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::move(above);
    above = std::move(row);
  }
  return above.back();
}

}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  size_t best_distance = 3;
  for (std::string_view candidate : known) {
    const size_t slips = distance(word, candidate);
    if (slips < best_distance && slips * 3 <= candidate.size()) {
      best = candidate;
      best_distance = slips;
    }
  }
  return best;
}

std::string suggest(std::string_view word, std::span<const std::string_view> known,
                    std::string_view otherwise) {
  const std::string_view near = nearest_word(word, known);
  if (!near.empty()) return fmt::format("did you mean \"{}\"?", near);
  return fmt::format("{} \"{}\"", otherwise, fmt::join(known, "\", \""));
}

}  // namespace stratos::config
