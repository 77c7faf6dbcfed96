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

// Throws HarnessError if `part` is not in the text.
void require_in(const std::string& text, const std::string& part);

// Runs it in the guest, shows both, and returns what it printed.
std::string show(Guest& guest, const std::string& command);

// Sends a CAN frame of each kind and shows how it arrives; throws HarnessError if it is another.
void show_samples(Guest& from, const std::string& out, Guest& to, const std::string& in);

// Throws HarnessError if the guest's kernel complained of anything.
void require_quiet(Guest& guest);

// Runs it; says "NAME: ok", or "NAME: failed" and why. Returns the exit status.
int tell_story(const std::string& name, const std::function<void()>& story);

}  // namespace stratos::guest
