// SPDX-License-Identifier: Apache-2.0
// The device side of a split virtqueue (virtio 1.2, 2.7). See queue.h for the meaning
// of the calls.

#pragma once

#include <cstdint>

#include "virtio/chain.h"
#include "virtio/chain_builder.h"
#include "virtio/id_set.h"
#include "virtio/memory.h"
#include "virtio/queue_types.h"
#include "virtio/shared_word.h"
#include "virtio/split_inflight.h"

namespace stratos::virtio {

class SplitQueue {
 public:
  QueueError start(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  QueueError resume(const Memory& memory, const QueueSetup& setup, InflightTable inflight);
  void stop() { error_ = QueueError::kNotStarted; }
  QueuePosition position() const { return {.next = used_published_}; }
  bool holds_chains() const { return !popped_.empty(); }
  QueueError error() const { return error_; }

  PopResult pop(Chain& chain);
  void unpop(const Chain& chain);
  void push(const Chain& chain, uint32_t written);
  bool publish();
  bool should_notify();
  void disable_notifications();
  bool enable_notifications();
  bool look() const;

 private:
  QueueError locate(const Memory& memory, const QueueSetup& setup);
  QueueError begin(uint16_t expected);
  void begin_at(uint16_t used_idx, uint16_t next_avail);
  bool look_for_avail();
  QueueError read_chain(uint16_t head, Chain& chain) const;
  QueueError read_table(const Descriptor& descriptor, ChainBuilder& builder) const;
  PopResult fail(QueueError error);

  Memory memory_;
  std::byte* desc_ = nullptr;
  std::byte* avail_ = nullptr;
  std::byte* used_ = nullptr;
  uint16_t size_ = 0;  // a power of two
  bool event_idx_ = false;
  bool indirect_ = false;
  QueueError error_ = QueueError::kNotStarted;

  uint16_t next_avail_ = 0;      // the entry to pop next
  uint16_t avail_seen_ = 0;      // the avail idx read last
  uint16_t used_pushed_ = 0;     // used idx, with what was pushed
  uint16_t used_published_ = 0;  // used idx, as the driver sees it
  uint32_t unsignalled_ = 0;     // published since should_notify() was asked last
  IdSet popped_;                 // heads that are popped and not pushed
  SplitInflight inflight_;
};

}  // namespace stratos::virtio
