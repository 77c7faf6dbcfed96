// SPDX-License-Identifier: Apache-2.0
#include "stratosd/rpmb_keys.h"

#include "config/table_reader.h"
#include "devices/rpmb/request_device.h"

namespace stratos::daemon {
namespace {

constexpr config::Range kWriteRange{1, rpmb::kMaxWriteBlocks};
constexpr config::Range kReadRange{1, rpmb::kMaxReadBlocks};

}  // namespace

uint16_t read_max_write_blocks(config::TableReader& reader, uint16_t fallback) {
  return static_cast<uint16_t>(reader.integer("max_write_blocks", fallback, kWriteRange));
}

uint16_t read_max_read_blocks(config::TableReader& reader, uint16_t fallback) {
  return static_cast<uint16_t>(reader.integer("max_read_blocks", fallback, kReadRange));
}

}  // namespace stratos::daemon
