// SPDX-License-Identifier: Apache-2.0
// Log lines on stderr, at most so many per source: a peer that misbehaves in a loop
// must not fill the disk of its host.

#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

namespace stratos::runtime {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// Lines below `level` are dropped; the default is kInfo. A program with a sandbox calls
// this before it enters it.
void set_log_level(LogLevel level);

// One source of lines: a link, a device, a seat. Not for the data path, and for one
// thread. It has an allowance of kBurst lines which refills by one line per
// kRefillSeconds, once for information and once for warnings and errors, so that the
// one does not silence the other. What was dropped is counted on the next line.
class Log {
 public:
  static constexpr uint32_t kBurst = 10;
  static constexpr uint32_t kRefillSeconds = 6;

  // `source` begins each line.
  explicit Log(std::string source) : source_(std::move(source)) {}

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::kDebug)) {
      write(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
    }
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::kInfo) && information_.take()) {
      write(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
    }
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    if (trouble_.take())
      write(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    if (trouble_.take()) write(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
  }

  // Lines dropped since the beginning.
  uint64_t suppressed() const { return information_.dropped + trouble_.dropped; }

 private:
  struct Allowance {
    bool take();

    uint32_t left = kBurst;
    int64_t refilled_at = 0;  // seconds, monotonic
    uint64_t dropped = 0;
    uint64_t reported = 0;  // of dropped
  };

  static bool enabled(LogLevel level);
  void write(LogLevel level, const std::string& line);

  std::string source_;
  Allowance information_;
  Allowance trouble_;
};

}  // namespace stratos::runtime
