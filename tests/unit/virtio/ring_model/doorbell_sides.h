// SPDX-License-Identifier: Apache-2.0
// The two sides of a link, as the model check runs them: one announces work with the
// notification bits of two queues and rings if the other sleeps (Documentation/transport.rst,
// "Notifications"). What work there is, a word for each queue says.

#pragma once

#include "run.h"

namespace stratos::model {

inline constexpr unsigned kAnnouncements = 6;

void announce(Run& run);
void listen(Run& run);

}  // namespace stratos::model
