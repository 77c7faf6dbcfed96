// SPDX-License-Identifier: Apache-2.0
// The device side of a virtqueue, split or packed.
//
// Life of a chain: pop() takes it, the device reads and writes its segments, push()
// stages it as used, publish() makes everything staged visible with one store, and
// should_notify() says whether the driver asked to hear of it.
//
// Whatever the driver writes, no call reads or writes outside the memory of the
// queue's driver, loops without bound or stops the process: a broken rule makes
// the queue broken, and it stays so until the next start(). A broken queue leaves the
// driver's memory alone: what was pushed and not published is dropped.

#pragma once

#include <cstdint>

#include "virtio/chain.h"
#include "virtio/inflight.h"
#include "virtio/memory.h"
#include "virtio/packed_queue.h"
#include "virtio/queue_types.h"
#include "virtio/split_queue.h"

namespace stratos::virtio {

class Queue final {
 public:
  // Checks size, alignment and bounds of the three areas and begins where `setup` says,
  // with nothing in flight. `inflight` (see inflight.h) may be empty: then nothing is recorded.
  // What `memory` views and `inflight` outlive the queue or its stop().
  QueueError start(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  // As start(), but goes on where a predecessor stopped, according to `inflight`
  // and the ring: chains that were popped and never published are popped again, in
  // their old order, before any new one. A table that start() never wrote (all zero)
  // stands for a predecessor that had not begun. Afterwards serve the queue without
  // waiting for a kick, and ask should_notify(), which says yes once: kick and
  // notification may both have died with the predecessor.
  QueueError resume(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  void stop();

  // Where a successor goes on that has no record: behind what was published. Also after
  // stop(). Chains that are popped and not used count as not taken, which is right as long
  // as the device gives chains back in their order.
  QueuePosition position() const { return setup_.packed ? packed_.position() : split_.position(); }
  // Whether a chain is popped and not pushed.
  bool holds_chains() const {
    return setup_.packed ? packed_.holds_chains() : split_.holds_chains();
  }

  bool started() const { return error() != QueueError::kNotStarted; }
  // kNone while the queue is healthy.
  QueueError error() const { return setup_.packed ? packed_.error() : split_.error(); }
  const QueueSetup& setup() const { return setup_; }

  // `chain` is filled only if the result is kChain.
  PopResult pop(Chain& chain) {
    const PopResult result = setup_.packed ? packed_.pop(chain) : split_.pop(chain);
    if (result == PopResult::kChain) ++popped_;
    starved_ = starved_ || result == PopResult::kEmpty;
    return result;
  }
  // Puts back the chain popped last, so that the next pop() returns it again. May be
  // repeated for the one popped before that, and so on.
  void unpop(const Chain& chain) {
    --popped_;
    if (setup_.packed) {
      packed_.unpop(chain);
    } else {
      split_.unpop(chain);
    }
  }
  // Gives back `chain` with `written` bytes written, clamped to its writable size. In
  // any order. A chain that was pushed already is ignored.
  void push(const Chain& chain, uint32_t written) {
    ++pushed_;
    if (setup_.packed) {
      packed_.push(chain, written);
    } else {
      split_.push(chain, written);
    }
  }
  // Makes everything pushed visible to the driver; false if nothing was.
  bool publish() {
    published_ = pushed_;
    return setup_.packed ? packed_.publish() : split_.publish();
  }
  // Whether something was pushed that the driver cannot see yet. If this process dies
  // now those chains are served again.
  bool unpublished() const { return published_ != pushed_; }
  // After publish(): whether the driver wants a notification for what was published
  // since the last call.
  bool should_notify() { return setup_.packed ? packed_.should_notify() : split_.should_notify(); }

  // Asks the driver not to notify, or to notify of new chains. The latter returns
  // true if chains arrived before the request could be seen: pop again.
  void disable_notifications();
  bool enable_notifications();
  // Whether pop() found nothing since enable_notifications() was called last: somebody
  // waits for chains, so the driver has to be asked for a notification.
  bool starved() const { return starved_; }
  // Whether there are chains to pop, for who looks often and asked for no notification;
  // if so, nobody is starved().
  bool look();

  // Chains popped and pushed since the object exists, for statistics; they wrap.
  uint32_t popped() const { return popped_; }
  uint32_t pushed() const { return pushed_; }

 private:
  uint32_t popped_ = 0;
  uint32_t pushed_ = 0;
  uint32_t published_ = 0;  // as pushed_, when publish() was called last
  bool starved_ = false;
  QueueSetup setup_;
  SplitQueue split_;
  PackedQueue packed_;
};

}  // namespace stratos::virtio
