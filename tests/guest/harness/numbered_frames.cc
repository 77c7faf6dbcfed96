// SPDX-License-Identifier: Apache-2.0

#include "harness/numbered_frames.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include "harness/can.h"
#include "harness/error.h"

namespace stratos::guest {
namespace {

// As cangen counts: the lowest byte comes first.
uint64_t number_in(std::string_view payload) {
  uint64_t number = 0;
  for (size_t at = payload.size(); at >= 2; at -= 2) {
    unsigned byte = 0;
    std::from_chars(&payload[at - 2], &payload[at - 2] + 2, byte, 16);
    number = number << 8 | byte;
  }
  return number;
}

}  // namespace

Job send_numbered(Guest& guest, const std::string& interface, const std::string& id,
                  uint64_t count) {
  const std::string generate = "cangen -g 0 -p 10 -I " + id;
  return guest.start(fmt::format("sh -c '{0} -L 8 -D i -n {1} {2} && {0} -L 0 -n 1 {2}'", generate,
                                 count, interface));
}

SequenceCheck::SequenceCheck(Guest& guest, const std::string& interface, const std::string& id)
    : job_(start_listening(guest, interface, fmt::format("check-sequence {} {}", interface, id))) {}

Sequence SequenceCheck::wait(Timeout timeout) {
  const Output output = job_->wait(timeout);
  std::istringstream words(output.text);
  Sequence sequence;
  for (std::string word; words >> word && word == "jump";) {
    Sequence::Jump jump;
    words >> jump.expected >> jump.came;
    sequence.jumps.push_back(jump);
  }
  words >> sequence.frames;
  if (!words) throw HarnessError("check-sequence said: " + output.text);
  return sequence;
}

Sequence check_record(const std::filesystem::path& record, const std::string& id) {
  std::ifstream file(record);
  const std::string head = " " + id + "#";
  Sequence sequence;
  uint64_t expected = 0;
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(head);
    if (at == std::string::npos) continue;
    const std::string_view payload = std::string_view(line).substr(at + head.size());
    if (payload.empty()) {
      expected = 0;
      continue;
    }
    const uint64_t came = number_in(payload);
    if (came != expected) sequence.jumps.push_back({.expected = expected, .came = came});
    ++sequence.frames;
    expected = came + 1;
  }
  return sequence;
}

}  // namespace stratos::guest
