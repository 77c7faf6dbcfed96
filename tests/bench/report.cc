// SPDX-License-Identifier: Apache-2.0

#include "report.h"

#include <fmt/core.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace stratos::bench {

void Report::add(std::string name, double value, std::string unit, std::optional<Target> target) {
  rows_.push_back({std::move(name), value, std::move(unit), {}, std::nullopt, target});
}

void Report::add_ratio(std::string name, double value, std::string unit, std::string_view reference,
                       std::optional<Target> target) {
  const double base = this->value(reference);
  rows_.push_back(
      {std::move(name), value, std::move(unit), std::string(reference), value / base, target});
}

double Report::value(std::string_view name) const {
  for (const Row& row : rows_)
    if (row.name == name) return row.value;
  throw std::logic_error(fmt::format("no row {} to compare with", name));
}

bool Report::met(const Row& row) {
  const double judged = row.ratio.value_or(row.value);
  return row.target->kind == Target::Kind::kAtMost ? judged <= row.target->bound
                                                   : judged >= row.target->bound;
}

void Report::print() const {
  fmt::print("{:<44} {:>14} {:<8} {:>8} {:>10} {}\n", "name", "value", "unit", "ratio", "target",
             "met");
  for (const Row& row : rows_) {
    const std::string ratio = row.ratio ? fmt::format("{:.2f}", *row.ratio) : "";
    std::string target;
    if (row.target) {
      const bool at_most = row.target->kind == Target::Kind::kAtMost;
      target = fmt::format("{} {:g}", at_most ? "<=" : ">=", row.target->bound);
    }
    fmt::print("{:<44} {:>14.3f} {:<8} {:>8} {:>10} {}{}\n", row.name, row.value, row.unit, ratio,
               target, row.target ? (met(row) ? "yes" : "NO") : "",
               row.reference.empty() ? "" : "  (to " + row.reference + ")");
  }
  for (const std::string& why : skipped_) fmt::print("skipped: {}\n", why);
}

bool Report::write_json(const std::string& path) const {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Row& row : rows_) {
    nlohmann::ordered_json entry = {
        {"name", row.name}, {"value", row.value}, {"unit", row.unit}, {"reference", nullptr},
        {"ratio", nullptr}, {"target", nullptr},  {"met", nullptr}};
    if (!row.reference.empty()) entry["reference"] = row.reference;
    if (row.ratio) entry["ratio"] = *row.ratio;
    if (row.target) {
      entry["target"] = row.target->bound;
      entry["met"] = met(row);
    }
    rows.push_back(std::move(entry));
  }
  std::ofstream file(path);
  file << rows.dump(2) << '\n';
  return file.good();
}

}  // namespace stratos::bench
