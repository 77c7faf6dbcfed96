// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word that is nearest to one that is not known.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace stratos::config {

// The word of `known` that is at most two slips of the pen (a third of its length)
// away from `word`; empty if none is.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);

// `did you mean "x"?` where a word is near, else `<otherwise> "a", "b", "c"`.
std::string suggest(std::string_view word, std::span<const std::string_view> known,
                    std::string_view otherwise);

}  // namespace stratos::config
