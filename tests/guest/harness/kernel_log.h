// SPDX-License-Identifier: Apache-2.0
// What a guest's kernel printed, and whether it complained of itself.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/deadline.h"

namespace stratos::guest {

class KernelLog {
 public:
  explicit KernelLog(std::filesystem::path console) : console_(std::move(console)) {}

  const std::filesystem::path& path() const { return console_; }
  std::string text() const;
  std::vector<std::string> tail(size_t lines) const;
  // Lines that no healthy kernel prints: warnings, oopses, stalls, hung tasks, lock reports.
  std::vector<std::string> faults() const;
  // Waits, on the file, until it holds the text. False at the deadline.
  bool wait_for(const std::string& text, Deadline deadline) const;

 private:
  std::filesystem::path console_;
};

}  // namespace stratos::guest
