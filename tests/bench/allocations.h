// SPDX-License-Identifier: Apache-2.0
// Counts what operator new hands out in this program (allocations.cc replaces it).

#pragma once

#include <cstdint>

namespace stratos::bench {

uint64_t allocations();

}  // namespace stratos::bench
