// SPDX-License-Identifier: Apache-2.0
#include "hosts/candump_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "devices/can/wire.h"

namespace stratos::hosts {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kStandardDigits = 3;
constexpr size_t kExtendedDigits = 8;
constexpr uint32_t kErrorReport = 0x20000000;
constexpr size_t kMaxInterface = 16;
constexpr size_t kClassicBytes = 8;

std::unexpected<std::string> bad(std::string text) { return std::unexpected(std::move(text)); }

// Splits off the first word of `text`.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint8_t> parse_nibble(char digit) {
  return parse_number<uint8_t>(std::string_view(&digit, 1), 16);
}

std::optional<std::chrono::microseconds> parse_time(std::string_view word) {
  if (word.size() < 2 || word.front() != '(' || word.back() != ')') return std::nullopt;
  word = word.substr(1, word.size() - 2);
  const size_t dot = word.find('.');
  constexpr size_t kMicrosecondDigits = 6;
  if (dot == std::string_view::npos || word.size() - dot - 1 != kMicrosecondDigits) {
    return std::nullopt;
  }
  const auto seconds = parse_number<uint32_t>(word.substr(0, dot), 10);
  const auto micros = parse_number<uint32_t>(word.substr(dot + 1), 10);
  if (!seconds || !micros) return std::nullopt;
  return std::chrono::seconds(*seconds) + std::chrono::microseconds(*micros);
}

// The bytes of a payload: pairs of digits, which dots may separate.
std::optional<std::string> parse_payload(std::string_view text, size_t limit, can::Frame& frame) {
  size_t length = 0;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '.') {
      ++at;
      continue;
    }
    const auto byte = parse_number<uint8_t>(text.substr(at, 2), 16);
    if (at + 2 > text.size() || !byte) return fmt::format("no byte: \"{}\"", text.substr(at, 2));
    if (length == limit) return fmt::format("more than {} bytes", limit);
    frame.payload[length++] = std::byte{*byte};
    at += 2;
  }
  frame.length = static_cast<uint8_t>(length);
  return std::nullopt;
}

std::optional<std::string> parse_fd(std::string_view text, LogEntry& entry) {
  const auto flags = text.empty() ? std::nullopt : parse_nibble(text.front());
  if (!flags) return "no digit of flags behind ##";
  entry.frame.fd = true;
  entry.fd_flags = *flags;
  if (auto error = parse_payload(text.substr(1), can::kMaxPayload, entry.frame)) return error;
  if (can::is_fd_length(entry.frame.length)) return std::nullopt;
  return fmt::format("{} bytes is no CAN FD length", entry.frame.length);
}

std::optional<std::string> parse_remote(std::string_view text, can::Frame& frame) {
  frame.remote = true;
  if (text.empty()) return std::nullopt;
  const auto length = parse_number<uint8_t>(text, 16);
  if (!length || *length > kClassicBytes) return fmt::format("no DLC: \"{}\"", text);
  frame.length = *length;
  return std::nullopt;
}

std::optional<std::string> parse_data(std::string_view text, LogEntry& entry) {
  if (text.starts_with('#')) return parse_fd(text.substr(1), entry);
  if (text.starts_with('R') || text.starts_with('r')) {
    return parse_remote(text.substr(1, text.find('_') - 1), entry.frame);
  }
  return parse_payload(text.substr(0, text.find('_')), kClassicBytes, entry.frame);
}

std::optional<std::string> parse_frame(std::string_view word, LogEntry& entry) {
  const size_t mark = word.find('#');
  if (mark == std::string_view::npos) return "no # between identifier and data";
  const std::string_view digits = word.substr(0, mark);
  const auto id = parse_number<uint32_t>(digits, 16);
  if (!id || (digits.size() != kStandardDigits && digits.size() != kExtendedDigits)) {
    return fmt::format("identifier \"{}\" has not 3 or 8 hexadecimal digits", digits);
  }
  entry.frame.extended = digits.size() == kExtendedDigits;
  if (entry.frame.extended && (*id & kErrorReport) != 0) {
    entry.error_report = true;
    return std::nullopt;
  }
  if (*id >> (entry.frame.extended ? 29 : 11) != 0) {
    return fmt::format("identifier {:X} has more than {} bits", *id,
                       entry.frame.extended ? 29 : 11);
  }
  entry.frame.id = *id;
  return parse_data(word.substr(mark + 1), entry);
}

}  // namespace

std::expected<LogEntry, std::string> parse_log_line(std::string_view line) {
  LogEntry entry;
  const std::string_view time_word = take_word(line);
  const auto time = parse_time(time_word);
  if (!time) {
    return bad(fmt::format("no time of the form (seconds.microseconds): \"{}\"", time_word));
  }
  entry.time = *time;
  entry.interface = take_word(line);
  if (entry.interface.empty()) return bad("no interface name");
  if (auto error = parse_frame(take_word(line), entry)) return bad(std::move(*error));
  const std::string_view direction = take_word(line);
  if (!direction.empty() && direction != "R" && direction != "T") {
    return bad(fmt::format("unexpected text behind the frame: \"{}\"", direction));
  }
  return entry;
}

size_t format_log_line(const LogEntry& entry, std::span<char> into) {
  const can::Frame& frame = entry.frame;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(entry.time);
  const std::string_view interface = entry.interface.substr(0, kMaxInterface);
  char* out = into.data();
  out = fmt::format_to(out, "({:010}.{:06}) {} ", seconds.count(), (entry.time - seconds).count(),
                       interface);
  out = frame.extended ? fmt::format_to(out, "{:08X}#", frame.id)
                       : fmt::format_to(out, "{:03X}#", frame.id);
  if (frame.remote) {
    out = fmt::format_to(out, "R");
    if (frame.length > 0) out = fmt::format_to(out, "{:X}", frame.length);
  } else {
    if (frame.fd) out = fmt::format_to(out, "#{:X}", entry.fd_flags & 0xf);
    for (size_t i = 0; i < frame.length; ++i) {
      out = fmt::format_to(out, "{:02X}", std::to_integer<unsigned>(frame.payload[i]));
    }
  }
  *out++ = '\n';
  return static_cast<size_t>(out - into.data());
}

}  // namespace stratos::hosts
