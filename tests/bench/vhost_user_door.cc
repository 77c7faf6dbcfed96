// SPDX-License-Identifier: Apache-2.0

#include "vhost_user_door.h"

#include <stdexcept>

#include "virtio/features.h"

namespace stratos::bench {

VhostUserDoor::VhostUserDoor(const std::string& socket, const Options& options)
    : front_(test::VhostUserChannel::connect(socket),
             {.queues = options.queues,
              .queue_size = options.queue_size,
              .features = ~(options.packed ? 0 : virtio::kFeatureRingPacked)}) {
  if (options.packed && (front_.features() & virtio::kFeatureRingPacked) == 0)
    throw std::runtime_error("the back-end at " + socket + " has no packed rings");
}

void VhostUserDoor::sleep(uint16_t index) {
  constexpr std::chrono::seconds kWait{5};
  if (!front_.wait_for_call(index, kWait)) throw std::runtime_error("the back-end went silent");
}

}  // namespace stratos::bench
