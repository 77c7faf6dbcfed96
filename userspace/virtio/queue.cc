// SPDX-License-Identifier: Apache-2.0

#include "virtio/queue.h"

namespace stratos::virtio {

QueueError Queue::start(const Memory& memory, const QueueSetup& setup, InflightTable inflight) {
  stop();
  setup_ = setup;
  return setup.packed ? packed_.start(memory, setup, inflight)
                      : split_.start(memory, setup, inflight);
}

QueueError Queue::resume(const Memory& memory, const QueueSetup& setup, InflightTable inflight) {
  stop();
  setup_ = setup;
  return setup.packed ? packed_.resume(memory, setup, inflight)
                      : split_.resume(memory, setup, inflight);
}

void Queue::stop() {
  split_.stop();
  packed_.stop();
  published_ = pushed_;
}

void Queue::disable_notifications() {
  if (setup_.packed) {
    packed_.disable_notifications();
  } else {
    split_.disable_notifications();
  }
}

bool Queue::look() {
  const bool found = setup_.packed ? packed_.look() : split_.look();
  if (found) starved_ = false;
  return found;
}

bool Queue::enable_notifications() {
  starved_ = false;
  return setup_.packed ? packed_.enable_notifications() : split_.enable_notifications();
}

}  // namespace stratos::virtio
