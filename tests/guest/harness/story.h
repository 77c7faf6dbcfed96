// SPDX-License-Identifier: Apache-2.0
// How a demonstration talks, and how it ends.

#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>

#include "harness/guest.h"

namespace stratos::guest {

template <typename... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}\n", fmt::format(format, std::forward<Args>(args)...));
  std::fflush(stdout);
}

// Throws HarnessError with `what` if it does not hold.
void require(bool holds, const std::string& what);

// Throws HarnessError if the guest's kernel complained of anything.
void require_quiet(Guest& guest);

// Runs it; says "NAME: ok", or "NAME: failed" and why. Returns the exit status.
int tell_story(const std::string& name, const std::function<void()>& story);

}  // namespace stratos::guest
