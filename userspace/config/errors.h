// SPDX-License-Identifier: Apache-2.0
// What is wrong with a configuration, one line per error.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stratos::config {

class Errors {
 public:
  // `line` is 0 when the error belongs to no line.
  void add(unsigned line, std::string_view key, std::string_view text);

  bool empty() const { return errors_.empty(); }
  size_t count() const { return errors_.size(); }
  // "file:line: key: what is wrong and what to do", in the order of the lines.
  std::vector<std::string> lines(std::string_view file) const;

 private:
  struct Error {
    unsigned line;
    std::string text;
  };
  std::vector<Error> errors_;
};

}  // namespace stratos::config
