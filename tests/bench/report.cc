// SPDX-License-Identifier: Apache-2.0

#include "report.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace stratos::bench {
namespace {

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

std::string range(const std::vector<double>& samples) {
  const auto [low, high] = std::ranges::minmax_element(samples);
  return *low == *high ? "" : fmt::format("{:.3g}..{:.3g}", *low, *high);
}

}  // namespace

bool Report::Row::met() const {
  const double value = median(judged());
  return target->kind == Target::Kind::kAtMost ? value <= target->bound : value >= target->bound;
}

Report::Row& Report::row(const std::string& name, std::string unit, std::optional<Target> target) {
  const auto found = std::ranges::find(rows_, name, &Row::name);
  if (found != rows_.end()) return *found;
  rows_.push_back({name, std::move(unit), {}, target, {}, {}});
  return rows_.back();
}

const Report::Row& Report::existing(std::string_view name) const {
  const auto found = std::ranges::find(rows_, name, &Row::name);
  if (found == rows_.end() || found->values.size() != rounds_)
    throw std::logic_error(fmt::format("no row {} to compare with", name));
  return *found;
}

void Report::add(const std::string& name, double value, std::string unit,
                 std::optional<Target> target) {
  row(name, std::move(unit), target).values.push_back(value);
}

void Report::add_ratio(const std::string& name, double value, std::string unit,
                       const std::string& reference, std::optional<Target> target) {
  const double base = this->value(reference);
  Row& mine = row(name, std::move(unit), target);
  mine.reference = reference;
  mine.values.push_back(value);
  mine.ratios.push_back(value / base);
}

double Report::value(std::string_view name) const { return existing(name).values.back(); }

void Report::print_row(const Row& row) {
  const std::string ratio = row.has_ratio() ? fmt::format("{:.2f}", median(row.ratios)) : "";
  std::string target;
  if (row.target) {
    const bool at_most = row.target->kind == Target::Kind::kAtMost;
    target = fmt::format("{} {:g}", at_most ? "<=" : ">=", row.target->bound);
  }
  fmt::print("{:<44} {:>12.3f} {:<8} {:>6} {:>14} {:>8} {}{}\n", row.name, median(row.values),
             row.unit, ratio, range(row.judged()), target,
             row.target ? (row.met() ? "yes" : "NO") : "",
             row.reference.empty() ? "" : "  (to " + row.reference + ")");
}

void Report::print() const {
  fmt::print("medians of {} rounds; the range is that of the ratio, or of the value without one\n",
             rounds_);
  fmt::print("{:<44} {:>12} {:<8} {:>6} {:>14} {:>8} {}\n", "name", "value", "unit", "ratio",
             "range", "target", "met");
  for (const Row& row : rows_) print_row(row);
  for (const std::string& why : skipped_) fmt::print("skipped: {}\n", why);
}

bool Report::write_json(const std::string& path) const {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Row& row : rows_) {
    nlohmann::ordered_json entry = {{"name", row.name}, {"value", median(row.values)},
                                    {"unit", row.unit}, {"reference", nullptr},
                                    {"ratio", nullptr}, {"target", nullptr},
                                    {"met", nullptr},   {"rounds", row.judged()}};
    if (!row.reference.empty()) entry["reference"] = row.reference;
    if (row.has_ratio()) entry["ratio"] = median(row.ratios);
    if (row.target) {
      entry["target"] = row.target->bound;
      entry["met"] = row.met();
    }
    rows.push_back(std::move(entry));
  }
  std::ofstream file(path);
  file << rows.dump(2) << '\n';
  return file.good();
}

}  // namespace stratos::bench
