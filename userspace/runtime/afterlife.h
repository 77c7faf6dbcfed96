// SPDX-License-Identifier: Apache-2.0
// How long what a killed process held may outlive it.

#pragma once

#include <chrono>

namespace stratos::runtime {

// The kernel takes the io_uring of a killed process apart in the background. Until it is done,
// connections and listening sockets stay open (on a busy computer 3.2 s were seen), and what is
// under way keeps the locks of its files: a flush on a disk that others write to takes seconds.
// Whoever takes over waits for so long before it believes that somebody else is there.
inline constexpr std::chrono::milliseconds kAfterlife{10'000};

}  // namespace stratos::runtime
