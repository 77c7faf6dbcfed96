// SPDX-License-Identifier: Apache-2.0
// What a killed process held may outlive it, and whoever takes over waits for the end of it.

#pragma once

#include <chrono>
#include <functional>

namespace stratos::runtime {

// The kernel takes the io_uring of a killed process apart in the background. Until it is done,
// connections and listening sockets stay open (on a busy computer 3.2 s were seen), and what is
// under way keeps the locks of its files: a flush on a disk that others write to takes seconds.
// Whoever takes over waits for so long before it believes that somebody else is there.
inline constexpr std::chrono::milliseconds kAfterlife{10'000};

// For what cannot be waited for otherwise: asks `over` again and again until it says yes, and
// returns true, or until `patience` is at its end. Asks at least once. Blocks the thread.
bool outwait(const std::function<bool()>& over, std::chrono::milliseconds patience = kAfterlife);

}  // namespace stratos::runtime
