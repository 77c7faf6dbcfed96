// SPDX-License-Identifier: Apache-2.0

#include "harness/story.h"

#include <cstdlib>
#include <exception>

#include "harness/can.h"
#include "harness/error.h"

namespace stratos::guest {

void require(bool holds, const std::string& what) {
  if (!holds) throw HarnessError(what);
}

void require_in(const std::string& text, const std::string& part) {
  require(text.find(part) != std::string::npos, "no \"" + part + "\" in it");
}

std::string show(Guest& guest, const std::string& command) {
  const Output output = guest.run(command, std::chrono::seconds(60));
  tell("\n{}: {}", guest.name(), command);
  for (const std::string& line : output.lines()) tell("  {}", line);
  return output.text;
}

void show_samples(Guest& from, const std::string& out, Guest& to, const std::string& in) {
  tell("\n{} {} -> {} {}: one frame of each kind", from.name(), out, to.name(), in);
  const auto seen = pass_samples(from, out, to, in);
  const auto& frames = sample_frames();
  for (size_t i = 0; i < frames.size(); ++i) {
    tell("  cansend {:<24.24}  candump {:<24.24}  {}", frames[i].sent, seen.at(i), frames[i].what);
    require(seen[i] == frames[i].seen, fmt::format("{} arrived as {}", frames[i].sent, seen[i]));
  }
}

void require_quiet(Guest& guest) {
  guest.settle();
  const auto faults = guest.log().faults();
  require(faults.empty(), fmt::format("the kernel of {} complains: {}", guest.name(),
                                      faults.empty() ? "" : faults.front()));
}

int tell_story(const std::string& name, const std::function<void()>& story) {
  try {
    story();
  } catch (const std::exception& error) {
    tell("\n{}: failed: {}", name, error.what());
    return EXIT_FAILURE;
  }
  tell("\n{}: ok", name);
  return EXIT_SUCCESS;
}

}  // namespace stratos::guest
