// SPDX-License-Identifier: Apache-2.0
// Reads one TOML table strictly: whoever asks for a key thereby declares it, and
// finish() reports every key that nobody asked for.
//
// A key that is missing or wrong is reported and yields its fallback, so that one
// run shows all errors of a file.

#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"

namespace stratos::config {

struct Range {
  uint64_t min;
  uint64_t max;
};

class TableReader {
 public:
  // `where` is the table's name in messages: "link" for [[link]].
  TableReader(const toml::table& table, std::string_view where, Errors& errors);

  // A key that has to be there; `hint` says what to write.
  std::string required(std::string_view key, std::string_view hint);
  std::string optional(std::string_view key, std::string_view fallback);
  bool boolean(std::string_view key, bool fallback);
  uint64_t integer(std::string_view key, std::optional<uint64_t> fallback, Range range);
  uint64_t size(std::string_view key, uint64_t fallback, Range range);
  // A name of ours: what a link, a bus or a device is called.
  std::string name(std::string_view key);
  // A path of at most 107 bytes, as a socket address takes them.
  std::string socket_path(std::string_view key, std::optional<std::string> fallback,
                          std::string_view hint);
  // One of `words`; empty if it is not. Without a fallback the key is required.
  std::string choice(std::string_view key, std::optional<std::string_view> fallback,
                     std::span<const std::string_view> words);

  // Reports an error at `key`, or at the head of the table if the key is not there.
  void error(std::string_view key, std::string_view text);
  // The line of `key`, or of the head of the table.
  unsigned line(std::string_view key = {}) const;
  bool has(std::string_view key) const { return table_.contains(key); }

  // Reports unknown keys. `kind` names what the keys belong to: `[[bus]] of type "virtual"`.
  void finish(std::string_view kind);

 private:
  const toml::node* find(std::string_view key);
  const toml::node* need(std::string_view key, std::string_view hint);
  std::optional<std::string> text(std::string_view key, const toml::node* node);
  void wrong_type(std::string_view key, const toml::node& node, std::string_view want,
                  std::string_view hint);
  uint64_t in_range(std::string_view key, uint64_t value, uint64_t fallback, Range range);

  const toml::table& table_;
  std::string where_;
  Errors& errors_;
  std::vector<std::string_view> known_;
};

}  // namespace stratos::config
