// SPDX-License-Identifier: Apache-2.0
// The device side of a virtqueue, split or packed.
//
// Life of a chain: pop() takes it, the device reads and writes its segments, push()
// stages it as used, publish() makes everything staged visible with one store, and
// should_notify() says whether the driver asked to hear of it.
//
// Whatever the driver writes, no call reads or writes outside the memory of the
// queue's driver, loops without bound or stops the process: a broken rule makes
// the queue broken, and it stays so until the next start().

#pragma once

#include <cstdint>
#include <span>

#include "virtio/chain.h"
#include "virtio/inflight.h"
#include "virtio/memory.h"
#include "virtio/packed_queue.h"
#include "virtio/queue_types.h"
#include "virtio/split_queue.h"

namespace stratos::virtio {

class Queue {
 public:
  // Checks size, alignment and bounds of the three areas and begins with an empty
  // queue. `inflight` (see inflight.h) may be empty: then nothing is recorded.
  QueueError start(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  // As start(), but goes on where a predecessor stopped, according to `inflight`
  // and the ring: chains that were popped and never published are popped again, in
  // their old order, before any new one.
  QueueError resume(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  void stop();

  bool started() const;
  QueueError error() const;  // kNone while the queue is healthy
  const QueueSetup& setup() const;

  PopResult pop(Chain& chain);
  // Puts back the chain popped last, so that the next pop() returns it again.
  void unpop(const Chain& chain);
  // Gives back `chain` with `written` bytes written, clamped to its writable size.
  void push(const Chain& chain, uint32_t written);
  // Makes everything pushed visible to the driver; false if nothing was.
  bool publish();
  // After publish(): whether the driver wants a notification for what was published
  // since the last call.
  bool should_notify();

  // Asks the driver not to notify, or to notify of new chains. The latter returns
  // true if chains arrived before the request could be seen: pop again.
  void disable_notifications();
  bool enable_notifications();
};

}  // namespace stratos::virtio
