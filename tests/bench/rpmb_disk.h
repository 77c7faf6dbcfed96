// SPDX-License-Identifier: Apache-2.0
// Authenticated writes to a real store, and the plain writes that they are measured by.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "latencies.h"

namespace stratos::bench {

// pwrite() and fdatasync() of `bytes` bytes, in a file in `directory` that is as large as
// it gets beforehand.
Latencies durable_writes(const std::string& directory, size_t count, size_t bytes);
// Writes of `blocks` blocks through an RPMB device whose store and anchor are in
// `directory`, from the kick to the answer.
Latencies rpmb_writes(const std::string& directory, size_t count, uint16_t blocks);

}  // namespace stratos::bench
