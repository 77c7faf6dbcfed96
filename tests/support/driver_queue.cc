// SPDX-License-Identifier: Apache-2.0

#include "driver_queue.h"

#include "packed_driver_queue.h"
#include "split_driver_queue.h"

namespace stratos::test {

std::unique_ptr<DriverQueue> DriverQueue::make(DriverMemory& memory,
                                               const virtio::QueueSetup& features) {
  if (features.packed) return std::make_unique<PackedDriverQueue>(memory, features);
  return std::make_unique<SplitDriverQueue>(memory, features);
}

}  // namespace stratos::test
