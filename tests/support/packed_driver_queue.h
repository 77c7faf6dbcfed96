// SPDX-License-Identifier: Apache-2.0
// The driver side of a packed virtqueue, for tests and benchmarks.

#pragma once

#include <vector>

#include "driver_queue.h"
#include "indirect_tables.h"
#include "virtio/descriptor.h"
#include "virtio/packed_position.h"
#include "virtio/shared_word.h"

namespace stratos::test {

class PackedDriverQueue final : public DriverQueue {
 public:
  PackedDriverQueue(DriverMemory& memory, const virtio::QueueSetup& features);
  std::unique_ptr<DriverQueue> clone() const override {
    return std::make_unique<PackedDriverQueue>(*this);
  }

  std::optional<uint16_t> add(std::span<const Buffer> readable, std::span<const Buffer> writable,
                              bool indirect = false) override;
  void publish() override;
  bool kick_needed() override;
  std::optional<Used> get_used() override;
  void disable_notifications() override;
  bool enable_notifications() override;
  uint32_t used_position() const override;
  uint16_t outstanding() const override { return outstanding_; }

  // ---- Every field, to be good or bad with ----
  using Word = virtio::SharedWord<uint16_t>;
  // Writes a descriptor with these very flags: into the ring, or anywhere.
  void poke(uint16_t slot, const virtio::Descriptor& descriptor);
  void poke_at(uint64_t address, const virtio::Descriptor& descriptor);
  Word flags(uint16_t slot) const;
  Word driver_event_offset() const { return word(setup_.driver); }
  Word driver_event_flags() const { return word(setup_.driver + 2); }
  Word device_event_offset() const { return word(setup_.device); }
  Word device_event_flags() const { return word(setup_.device + 2); }

 private:
  Word word(uint64_t address) const { return Word(memory_.at(address)); }
  void put(virtio::Descriptor descriptor, bool head);

  DriverMemory& memory_;
  IndirectTables tables_;
  std::vector<uint16_t> free_ids_;
  std::vector<uint16_t> slots_;  // of the chain with this id, 0: not out
  uint16_t free_slots_ = 0;
  uint16_t outstanding_ = 0;
  virtio::PackedPosition next_;       // to add at
  virtio::PackedPosition published_;  // first slot that is added and not published
  uint16_t first_flags_ = 0;          // those that publish() writes there
  uint16_t unpublished_ = 0;          // slots
  uint16_t unkicked_ = 0;             // slots
  virtio::PackedPosition used_;
};

}  // namespace stratos::test
