// SPDX-License-Identifier: Apache-2.0
// What a benchmark run says: a table for people, build/bench.json for programs.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stratos::bench {

// How a ratio (or, without a reference, a value) is judged.
struct Target {
  enum class Kind { kAtMost, kAtLeast } kind = Kind::kAtMost;
  double bound = 0;
};

struct Row {
  std::string name;
  double value = 0;
  std::string unit;
  std::string reference;         // the name of the row that `ratio` is against, or empty
  std::optional<double> ratio;   // value / reference's value
  std::optional<Target> target;  // judged on the ratio where there is one
};

class Report {
 public:
  void add(std::string name, double value, std::string unit,
           std::optional<Target> target = std::nullopt);
  // As add(), as a ratio to an earlier row; a row that is missing is a bug in the bench.
  void add_ratio(std::string name, double value, std::string unit, std::string_view reference,
                 std::optional<Target> target = std::nullopt);
  // Says why a part was left out; printed below the table.
  void skip(std::string why) { skipped_.push_back(std::move(why)); }

  // The value of an earlier row.
  double value(std::string_view name) const;

  void print() const;
  bool write_json(const std::string& path) const;

 private:
  static bool met(const Row& row);
  std::vector<Row> rows_;
  std::vector<std::string> skipped_;
};

}  // namespace stratos::bench
