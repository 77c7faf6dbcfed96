// SPDX-License-Identifier: Apache-2.0
#include "config/table_reader.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <sstream>

#include "config/size_text.h"
#include "config/suggestion.h"

namespace stratos::config {
namespace {

constexpr size_t kMaxName = 32;

std::string type_name(const toml::node& node) {
  std::ostringstream name;
  name << node.type();
  return name.str();
}

bool good_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, good);
}

}  // namespace

TableReader::TableReader(const toml::table& table, std::string_view where, Errors& errors)
    : table_(table), where_(where), errors_(errors) {}

unsigned TableReader::line(std::string_view key) const {
  const toml::node* node = key.empty() ? nullptr : table_.get(key);
  return node ? node->source().begin.line : table_.source().begin.line;
}

void TableReader::error(std::string_view key, std::string_view text) {
  errors_.add(line(key), fmt::format("{}.{}", where_, key), text);
}

void TableReader::wrong_type(std::string_view key, const toml::node& node, std::string_view want,
                             std::string_view hint) {
  error(key, fmt::format("is of type {}, not {}; {}", type_name(node), want, hint));
}

const toml::node* TableReader::find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

const toml::node* TableReader::need(std::string_view key, std::string_view hint) {
  const toml::node* node = find(key);
  if (!node) error(key, fmt::format("is missing; {}", hint));
  return node;
}

std::optional<std::string> TableReader::text(std::string_view key, const toml::node* node) {
  if (!node) return std::nullopt;
  if (!node->is_string()) {
    wrong_type(key, *node, "string", "write it in quotes");
    return std::nullopt;
  }
  const std::string& value = node->as_string()->get();
  if (value.empty()) {
    error(key, "is empty; write a value or leave the key out");
    return std::nullopt;
  }
  if (value.find('\0') != std::string::npos) {
    error(key, "contains a zero byte; remove it");
    return std::nullopt;
  }
  return value;
}

std::string TableReader::required(std::string_view key, std::string_view hint) {
  return text(key, need(key, hint)).value_or(std::string());
}

std::string TableReader::optional(std::string_view key, std::string_view fallback) {
  return text(key, find(key)).value_or(std::string(fallback));
}

bool TableReader::boolean(std::string_view key, bool fallback) {
  const toml::node* node = find(key);
  if (!node) return fallback;
  if (!node->is_boolean()) {
    wrong_type(key, *node, "boolean", "write true or false");
    return fallback;
  }
  return node->as_boolean()->get();
}

uint64_t TableReader::integer(std::string_view key, std::optional<uint64_t> fallback, Range range) {
  const std::string hint = fmt::format("write a whole number from {} to {}", range.min, range.max);
  const toml::node* node = fallback ? find(key) : need(key, hint);
  const uint64_t otherwise = fallback.value_or(range.min);
  if (!node) return otherwise;
  if (!node->is_integer()) {
    wrong_type(key, *node, "integer", hint);
    return otherwise;
  }
  const int64_t value = node->as_integer()->get();
  if (value >= 0 && static_cast<uint64_t>(value) >= range.min &&
      static_cast<uint64_t>(value) <= range.max) {
    return static_cast<uint64_t>(value);
  }
  error(key, fmt::format("{} is out of range; {}", value, hint));
  return otherwise;
}

uint64_t TableReader::size(std::string_view key, uint64_t fallback, Range range) {
  const toml::node* node = find(key);
  if (!node) return fallback;
  const std::string hint = fmt::format("write a size from \"{}\" to \"{}\"", format_size(range.min),
                                       format_size(range.max));
  std::optional<uint64_t> bytes;
  std::string spelling;
  if (node->is_integer()) {
    const int64_t value = node->as_integer()->get();
    spelling = std::to_string(value);
    if (value >= 0) bytes = static_cast<uint64_t>(value);
  } else if (node->is_string()) {
    spelling = node->as_string()->get();
    bytes = parse_size(spelling);
    if (!bytes) {
      error(key, fmt::format("\"{}\" is no size; {}", spelling, hint));
      return fallback;
    }
  } else {
    wrong_type(key, *node, "size", hint);
    return fallback;
  }
  if (bytes && *bytes >= range.min && *bytes <= range.max) return *bytes;
  error(key, fmt::format("{} is out of range; {}", spelling, hint));
  return fallback;
}

std::string TableReader::name(std::string_view key) {
  std::string name = required(key, "give it a name of its own");
  if (!name.empty() && !good_name(name)) {
    error(key, fmt::format("\"{}\" is no name; use 1 to {} letters, digits, '_', '-' or '.'", name,
                           kMaxName));
    name.clear();
  }
  return name;
}

std::string TableReader::socket_path(std::string_view key, std::optional<std::string> fallback,
                                     std::string_view hint) {
  std::string path = fallback ? optional(key, *fallback) : required(key, hint);
  constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kMaxPath) {
    error(key,
          fmt::format("is {} bytes long; a socket path has at most {}", path.size(), kMaxPath));
  }
  return path;
}

std::string TableReader::choice(std::string_view key, std::optional<std::string_view> fallback,
                                std::span<const std::string_view> words) {
  const std::string hint = fmt::format("write one of \"{}\"", fmt::join(words, "\", \""));
  std::string word = fallback ? optional(key, *fallback) : required(key, hint);
  if (word.empty() || std::ranges::find(words, word) != words.end()) return word;
  error(key, fmt::format("\"{}\" is not known; {}", word, suggest(word, words, "write one of")));
  return {};
}

void TableReader::finish(std::string_view kind) {
  std::ranges::sort(known_);
  for (const auto& [key, node] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    error(key.str(), fmt::format("is not a key of {}; {}", kind,
                                 suggest(key.str(), known_, "known keys are")));
  }
}

}  // namespace stratos::config
