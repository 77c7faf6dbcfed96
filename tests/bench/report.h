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

class Report {
 public:
  // All is measured several times, one after the other, and the median is what counts: neighbours
  // come and go. Each row gets one sample in a round.
  void begin_round() { ++rounds_; }

  void add(const std::string& name, double value, std::string unit,
           std::optional<Target> target = std::nullopt);
  // As add(), as a ratio to a row that got its sample earlier in the round; one that is missing is
  // a bug in the bench.
  void add_ratio(const std::string& name, double value, std::string unit,
                 const std::string& reference, std::optional<Target> target = std::nullopt);
  // Says why a part was left out; printed below the table.
  void skip(std::string why) { skipped_.push_back(std::move(why)); }

  // This round's value of a row.
  double value(std::string_view name) const;

  void print() const;
  bool write_json(const std::string& path) const;

 private:
  struct Row {
    std::string name;
    std::string unit;
    std::string reference;         // the name of the row that `ratios` are against, or empty
    std::optional<Target> target;  // judged on the ratio where there is one
    std::vector<double> values;    // one for each round
    std::vector<double> ratios;    // to the reference's value in the same round

    bool has_ratio() const { return !ratios.empty(); }
    const std::vector<double>& judged() const { return has_ratio() ? ratios : values; }
    bool met() const;
  };
  Row& row(const std::string& name, std::string unit, std::optional<Target> target);
  const Row& existing(std::string_view name) const;
  static void print_row(const Row& row);

  size_t rounds_ = 0;
  std::vector<Row> rows_;
  std::vector<std::string> skipped_;
};

}  // namespace stratos::bench
