// SPDX-License-Identifier: Apache-2.0
// What of the world devices can be given.

#pragma once

#include "runtime/loop.h"

namespace stratos::daemon {

class CanBuses;

struct Hosts {
  runtime::Loop& loop;
  CanBuses& can_buses;
};

}  // namespace stratos::daemon
