// SPDX-License-Identifier: Apache-2.0
// The rules that concern more than one table of a configuration. They are checked
// when each table is right by itself, and their errors are at the head of a table.

#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/suggestion.h"

namespace stratos::config {
class Errors;
}

namespace stratos::daemon {

struct Config;
void check_config(const Config& config, config::Errors& errors);

// The message for a name that none of `items` has. `table` is what they are called.
template <typename Item>
std::string unknown_name(std::string_view name, std::string_view table,
                         const std::vector<Item>& items) {
  if (items.empty()) {
    return fmt::format("there is no [[{0}]] \"{1}\"; describe it in a [[{0}]]", table, name);
  }
  std::vector<std::string_view> names;
  names.reserve(items.size());
  for (const Item& item : items) names.push_back(item.name);
  return fmt::format("there is no [[{}]] \"{}\"; {}", table, name,
                     config::suggest(name, names, "write one of"));
}

}  // namespace stratos::daemon
