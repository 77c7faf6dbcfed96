// SPDX-License-Identifier: Apache-2.0
// The log format of `candump -l`, which canplayer and log2asc read:
//
//   (1436509052.249713) can0 123#DEADBEEF       standard identifier: 3 digits
//   (1436509052.449847) can0 1F334455#          extended: 8 digits
//   (1436509052.650004) can0 123#R3             remote frame, with its DLC if not 0
//   (1436509052.850106) can0 123##1DEADBEEF     CAN FD, flags (1: BRS, 2: ESI) first

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "devices/can/bus.h"

namespace stratos::hosts {

struct LogEntry {
  std::chrono::microseconds time{};  // since 1970
  std::string_view interface;        // part of the line
  can::Frame frame;
  uint8_t fd_flags = 0;
  // An error report of the kernel and no frame; `frame` is not set then.
  bool error_report = false;
};

// The error says what is wrong with the line. A direction (R or T) at the end of the
// line and a raw DLC behind eight bytes are understood and dropped.
std::expected<LogEntry, std::string> parse_log_line(std::string_view line);

// The longest line that format_log_line() writes for an interface name of 16 bytes.
inline constexpr size_t kMaxLogLine = 200;

// Writes a line with its newline; returns its size. `into` has at least kMaxLogLine
// bytes; the interface name is cut to 16.
size_t format_log_line(const LogEntry& entry, std::span<char> into);

}  // namespace stratos::hosts
