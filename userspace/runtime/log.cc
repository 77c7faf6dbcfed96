// SPDX-License-Identifier: Apache-2.0
#include "runtime/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>

namespace stratos::runtime {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("stratos",
                                                 std::make_shared<spdlog::sinks::stderr_sink_st>());
    // Under systemd the journal has the time.
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    made->set_pattern(journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%eZ %l: %v",
                      spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::trace);
    // libc reads the time zone file even for UTC, once: now, while it may.
    tzset();
    return made;
  }();
  return *instance;
}

int64_t monotonic_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void set_log_level(LogLevel level) { logger().set_level(to_spdlog(level)); }

bool Log::enabled(LogLevel level) { return logger().should_log(to_spdlog(level)); }

bool Log::Allowance::take() {
  const int64_t now = monotonic_seconds();
  if (left == kBurst) refilled_at = now;
  const int64_t earned = (now - refilled_at) / kRefillSeconds;
  if (earned > 0) {
    left = static_cast<uint32_t>(std::min<int64_t>(kBurst, left + earned));
    refilled_at += earned * kRefillSeconds;
  }
  if (left == 0) {
    ++dropped;
    return false;
  }
  --left;
  return true;
}

void Log::write(LogLevel level, const std::string& line) {
  Allowance& allowance = level >= LogLevel::kWarning ? trouble_ : information_;
  const uint64_t unreported =
      allowance.dropped - std::exchange(allowance.reported, allowance.dropped);
  if (unreported != 0) {
    logger().log(to_spdlog(level), "{}: {} ({} lines dropped before)", source_, line, unreported);
  } else {
    logger().log(to_spdlog(level), "{}: {}", source_, line);
  }
}

}  // namespace stratos::runtime
