// SPDX-License-Identifier: Apache-2.0
// What an RPMB device counts, for an operator to see. Nothing resets the counters.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "devices/rpmb/frame.h"
#include "devices/rpmb/request.h"

namespace stratos::rpmb {

struct Counters {
  std::array<uint64_t, kRequestTypes> requests{};  // by RequestType
  std::array<uint64_t, kResults> results{};        // by Result; RESULT_READ counts nothing
  std::array<uint64_t, static_cast<size_t>(Malformed::kCount)> malformed{};

  uint64_t blocks_written = 0;
  uint64_t blocks_read = 0;
  uint64_t repeated = 0;       // done by a predecessor: answered, not executed again
  uint64_t unanswered = 0;     // no room for any response
  uint64_t port_failures = 0;  // what store or chip gave up
  uint64_t forgotten = 0;      // the driver reset the device meanwhile
};

}  // namespace stratos::rpmb
