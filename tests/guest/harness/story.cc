// SPDX-License-Identifier: Apache-2.0

#include "harness/story.h"

#include <cstdlib>
#include <exception>

#include "harness/error.h"

namespace stratos::guest {

void require(bool holds, const std::string& what) {
  if (!holds) throw HarnessError(what);
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
