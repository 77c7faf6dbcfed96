// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "hosts/candump_log.h"
#include "input.h"

// What is read can be written, and is then read as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stratos::hosts;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entry = parse_log_line(text);
  if (!entry || entry->error_report) return 0;
  std::array<char, kMaxLogLine> line{};
  const size_t written = format_log_line(*entry, line);
  if (written == 0) return 0;  // an interface with a name that is too long
  const auto again = parse_log_line(std::string_view(line.data(), written));
  stratos::fuzz::require(again && again->frame == entry->frame);
  return 0;
}
