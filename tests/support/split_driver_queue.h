// SPDX-License-Identifier: Apache-2.0
// The driver side of a split virtqueue, for tests and benchmarks.

#pragma once

#include <vector>

#include "driver_queue.h"
#include "indirect_tables.h"
#include "virtio/descriptor.h"
#include "virtio/shared_word.h"

namespace stratos::test {

class SplitDriverQueue final : public DriverQueue {
 public:
  SplitDriverQueue(DriverMemory& memory, const virtio::QueueSetup& features);
  std::unique_ptr<DriverQueue> clone() const override {
    return std::make_unique<SplitDriverQueue>(*this);
  }

  std::optional<uint16_t> add(std::span<const Buffer> readable, std::span<const Buffer> writable,
                              bool indirect = false) override;
  void publish() override;
  bool kick_needed() override;
  std::optional<Used> get_used() override;
  void disable_notifications() override;
  bool enable_notifications() override;
  uint32_t used_position() const override { return last_used_; }
  uint16_t outstanding() const override { return outstanding_; }

  // ---- Every field, to be good or bad with ----
  using Word = virtio::SharedWord<uint16_t>;
  // Writes a descriptor: into the table, or anywhere.
  void poke(uint16_t index, const virtio::Descriptor& descriptor);
  void poke_at(uint64_t address, const virtio::Descriptor& descriptor);
  Word avail_flags() const { return word(setup_.driver); }
  Word avail_idx() const { return word(setup_.driver + 2); }
  Word avail_entry(uint16_t position) const;
  Word used_event() const { return word(setup_.driver + 4 + setup_.size * 2U); }
  Word used_flags() const { return word(setup_.device); }
  Word used_idx() const { return word(setup_.device + 2); }
  Word avail_event() const { return word(setup_.device + 4 + setup_.size * 8U); }
  // Makes `head` available, whatever it is.
  void offer(uint16_t head);

 private:
  Word word(uint64_t address) const { return Word(memory_.at(address)); }
  uint16_t take_descriptor();
  void give_back(uint16_t head);

  DriverMemory& memory_;
  IndirectTables tables_;
  std::vector<uint16_t> next_;   // of free and of used descriptors
  std::vector<uint16_t> count_;  // of descriptors of the chain with this head, 0: not out
  uint16_t free_head_ = 0;
  uint16_t free_count_ = 0;
  uint16_t outstanding_ = 0;
  uint16_t avail_added_ = 0;
  uint16_t avail_published_ = 0;
  uint16_t avail_kicked_ = 0;
  uint16_t last_used_ = 0;
};

}  // namespace stratos::test
