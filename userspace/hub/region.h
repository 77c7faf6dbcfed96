// SPDX-License-Identifier: Apache-2.0
// The memory of one link.

#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "runtime/unique_fd.h"

namespace stratos::hub {

// Anonymous memory of `size` bytes with the layout in page 0. It is sealed: neither
// side can shrink it, which would kill the other with SIGBUS, nor grow it.
std::expected<runtime::UniqueFd, std::string> create_region(const std::string& name, uint64_t size);

// Whether `memory` is what create_region() made with `size`; the error says what it is
// not.
std::expected<void, std::string> check_region(int memory, uint64_t size);

}  // namespace stratos::hub
