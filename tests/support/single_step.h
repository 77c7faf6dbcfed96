// SPDX-License-Identifier: Apache-2.0
// Looks at shared memory after every store of a piece of code.

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace stratos::test {

using Snapshot = std::vector<std::byte>;

// Runs `code` in a child process, one instruction at a time, and returns the contents
// that `memory`, which the child shares, had: before the first instruction and after
// each one that changed it. That is what a successor can find if the child is killed.
// Nothing if this machine does not let us trace a child.
std::optional<std::vector<Snapshot>> run_stepwise(std::span<const std::byte> memory,
                                                  const std::function<void()>& code);

}  // namespace stratos::test
