// SPDX-License-Identifier: Apache-2.0
// What has to come through when a helper is killed under traffic.

#pragma once

#include <cstdint>

#include "harness/guest.h"
#include "harness/numbered_frames.h"

namespace stratos::guest {

// A minute until a guest believes that a helper is dead: on a busy computer a restart may take
// longer than the dead time.
void allow_long_absence(Guest& guest);

// Of a sequence of `frames` every frame came; what was in flight at one of at most `kills`
// kills may have come again, in its order.
void expect_complete_but_for_repeats(const Sequence& came, uint64_t frames, uint64_t kills);

}  // namespace stratos::guest
