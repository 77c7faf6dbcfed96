// SPDX-License-Identifier: Apache-2.0
#include "stratosctl/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "stratosctl/text_table.h"

namespace stratos::ctl {
namespace {

using nlohmann::ordered_json;

// Objects with more members than this are shown one below the other.
constexpr size_t kMaxColumns = 8;

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

// An array of words is a cell like any other: "fd rtr".
bool is_cell(const ordered_json& value) {
  return value.is_primitive() ||
         (value.is_array() && std::ranges::all_of(value, [](const ordered_json& element) {
            return element.is_primitive();
          }));
}

std::string cell(const ordered_json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null() || (value.is_array() && value.empty())) return "-";
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    return text.empty() ? "-" : printable(text);
  }
  if (!value.is_array()) return value.dump();
  std::vector<std::string> words;
  std::ranges::transform(value, std::back_inserter(words), cell);
  return fmt::format("{}", fmt::join(words, " "));
}

bool is_row(const ordered_json& value) {
  return value.is_object() && value.size() <= kMaxColumns && std::ranges::all_of(value, is_cell);
}

// All objects of `list` as one table; a member that one of them lacks is "-".
std::string table_of(const ordered_json& list) {
  std::vector<std::string> keys;
  for (const ordered_json& object : list) {
    for (const auto& [key, value] : object.items()) {
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  }
  std::vector<std::string> head;
  head.reserve(keys.size());
  for (const std::string& key : keys) head.push_back(upper(printable(key)));
  TextTable table(head);
  for (const ordered_json& object : list) {
    std::vector<std::string> row;
    row.reserve(keys.size());
    for (const std::string& key : keys) row.push_back(cell(object.value(key, ordered_json())));
    table.add(row);
  }
  return table.text();
}

std::string indented(const std::string& text) {
  std::string result;
  bool at_start = true;
  for (char c : text) {
    if (at_start && c != '\n') result += "  ";
    result += c;
    at_start = c == '\n';
  }
  return result;
}

std::string block_of(const ordered_json& object);

std::string section(const std::string& title, const ordered_json& value) {
  if (value.is_object()) return title + '\n' + indented(block_of(value));
  if (std::ranges::all_of(value, is_row)) return title + '\n' + indented(table_of(value));
  std::string text;
  for (const ordered_json& element : value) {
    std::string head = title;
    ordered_json rest = element;
    if (element.is_object() && element.contains("name")) {
      head += ": " + cell(element["name"]);
      rest.erase("name");
    }
    if (!text.empty()) text += '\n';
    text += head + '\n' + indented(rest.is_object() ? block_of(rest) : rest.dump() + '\n');
  }
  return text;
}

// First the members that are a word each, aligned, then the others as sections.
std::string block_of(const ordered_json& object) {
  size_t width = 0;
  for (const auto& [key, value] : object.items()) {
    if (is_cell(value)) width = std::max(width, key.size());
  }
  std::string text;
  for (const auto& [key, value] : object.items()) {
    if (is_cell(value)) text += fmt::format("{:<{}}  {}\n", printable(key), width, cell(value));
  }
  for (const auto& [key, value] : object.items()) {
    if (is_cell(value)) continue;
    if (!text.empty()) text += '\n';
    text += section(printable(key), value);
  }
  return text;
}

}  // namespace

std::string text_report(const ordered_json& reply) {
  ordered_json body = reply;
  body.erase("ok");
  body.erase("op");
  return block_of(body);
}

}  // namespace stratos::ctl
