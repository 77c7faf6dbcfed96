// SPDX-License-Identifier: Apache-2.0
// Long sequences of numbered CAN frames, and whether each came once and in order.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/guest.h"

namespace stratos::guest {

// What became of a sequence on its way.
struct Sequence {
  // A number that came in place of the one that follows its predecessor. Behind it the sequence
  // goes on: frames that came again begin with a jump back, lost ones leave a jump forth.
  struct Jump {
    uint64_t expected = 0;
    uint64_t came = 0;
  };
  uint64_t frames = 0;
  std::vector<Jump> jumps;  // the first of them, if there are very many
};

// What emulated machines on a busy computer get for so many frames.
inline Timeout time_for(uint64_t frames) { return std::chrono::seconds(60 + frames / 500); }

// Starts to send `count` numbered frames of an id ("123"), as fast as the interface takes them. The
// job ends when the last one was handed over.
Job send_numbered(Guest& guest, const std::string& interface, const std::string& id,
                  uint64_t count);

// Looks at the frames in the guest, where they arrive, so that the console is no bottleneck.
class SequenceCheck {
 public:
  // Listening when it returns.
  SequenceCheck(Guest& guest, const std::string& interface, const std::string& id);

  // Waits for the end of the sequence; throws HarnessError if it does not come.
  Sequence wait(Timeout timeout);

 private:
  std::optional<Job> job_;
};

// The same from what the helper recorded: of all sequences of that id, one after the other.
Sequence check_record(const std::filesystem::path& record, const std::string& id);

}  // namespace stratos::guest
