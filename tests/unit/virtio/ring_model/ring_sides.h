// SPDX-License-Identifier: Apache-2.0
// The two sides of a queue, as the model check runs them: requests that are all of different
// size, so that each answer can be told from any other.

#pragma once

#include <cstdint>

#include "run.h"
#include "virtio/queue_types.h"

namespace stratos::model {

struct Workload {
  virtio::QueueSetup features;
  unsigned requests = 5;   // more than the ring has entries
  unsigned batch = 1;      // requests per publish(), on either side
  unsigned in_flight = 4;  // the driver waits before it makes more
  unsigned segments = 1;   // per request
};

// Makes requests, sleeps when it can make none, and checks what comes back: each
// once, with its own length.
void drive(Run& run, const Workload& workload);
// Serves them, the last of a batch first, and sleeps when there are none.
void serve(Run& run, const Workload& workload);

}  // namespace stratos::model
