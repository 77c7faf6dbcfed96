// SPDX-License-Identifier: Apache-2.0
// What a request must fulfil, in the order in which the specification asks for it: the
// first check that fails is the result.

#pragma once

#include <cstdint>

#include "devices/rpmb/frame.h"
#include "devices/rpmb/request.h"
#include "devices/rpmb/store.h"

namespace stratos::rpmb {

// The write counter stays here for good, and nothing can be written any more.
inline constexpr uint32_t kCounterEnd = 0xffffffff;

// Addresses of the device configuration (eMMC 5.1, 6.6.22.4.5), and what of each register
// is defined: one bit.
inline constexpr uint16_t kSecureWpModeEnable = 1;
inline constexpr uint16_t kSecureWpModeConfig = 2;
inline constexpr std::byte kSecureWpBits{1};

inline bool is_expired(const State& state) { return state.write_counter == kCounterEnd; }

// Whether `request` is what the store committed last, and a predecessor died before it
// could say so: it is answered and not executed again. Only for chains that the
// predecessor had in flight; a guest that repeats itself is refused.
bool is_repeated(const State& state, const Request& request);

// Whether a request of this type may have as many blocks as it says.
bool count_allowed(const Request& request, const Limits& limits);

// All checks but those of MAC and counter, which are the last ones of what writes.
// `blocks` is the capacity.
Result check_request(const State& state, const Request& request, const Limits& limits,
                     uint32_t blocks);

}  // namespace stratos::rpmb
