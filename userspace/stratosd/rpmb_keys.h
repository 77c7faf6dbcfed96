// SPDX-License-Identifier: Apache-2.0
// Keys that RPMB devices of all types have.

#pragma once

#include <cstdint>
#include <string_view>

namespace stratos::config {
class TableReader;
}

namespace stratos::daemon {

// Blocks of one request; what a descriptor chain can carry.
uint16_t read_max_write_blocks(config::TableReader& reader, uint16_t fallback);
uint16_t read_max_read_blocks(config::TableReader& reader, uint16_t fallback);

}  // namespace stratos::daemon
