// SPDX-License-Identifier: Apache-2.0
// Sizes as people write them: "64K", "1M", "1G", or plain bytes.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stratos::config {

// Bytes; nullopt if `text` is no size or does not fit into 64 bits.
std::optional<uint64_t> parse_size(std::string_view text);

// The shortest exact spelling: "1M", "4097".
std::string format_size(uint64_t bytes);

}  // namespace stratos::config
