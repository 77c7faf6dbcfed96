// SPDX-License-Identifier: Apache-2.0
// Columns of text, aligned.

#pragma once

#include <string>
#include <vector>

namespace stratos::ctl {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> head);

  // As many cells as the head has.
  void add(std::vector<std::string> row);
  // Every row on a line, two blanks between columns, no blanks at the end of a line.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace stratos::ctl
