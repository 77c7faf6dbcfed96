// SPDX-License-Identifier: Apache-2.0

#include "virtio/state_record.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "virtio/checksum.h"
#include "virtio/endian.h"
#include "virtio/wire.h"

namespace stratos::virtio {
namespace {

constexpr uint32_t kTableMagic = 0x52545453;  // "STTR"
constexpr size_t kHeaderSize = 64;
constexpr size_t kChecksumSize = sizeof(uint32_t);

// The sum of what record_fields() transfers.
constexpr size_t kQueueBytes = 4 + 3 * sizeof(uint64_t);
constexpr size_t kBodySize =
    6 * sizeof(uint32_t) + 5 * sizeof(uint64_t) + kMaxQueues * kQueueBytes + Device::kMaxState;
constexpr size_t kRecordSize = (kBodySize + kChecksumSize + 63) / 64 * 64;

template <typename Io>
void queue_fields(Io& io, QueueState& queue) {
  io.word(queue.setup.size);
  auto enabled = static_cast<uint16_t>(queue.enabled);
  io.word(enabled);
  queue.enabled = enabled != 0;
  io.word(queue.setup.desc);
  io.word(queue.setup.driver);
  io.word(queue.setup.device);
}

template <typename Io>
void record_fields(Io& io, uint32_t& sequence, DeviceRecord& record) {
  io.word(sequence);
  io.word(record.epoch);
  io.word(record.memory.offset);
  io.word(record.memory.size);
  io.word(record.storage.offset);
  io.word(record.storage.size);
  InstanceState& state = record.state;
  io.word(state.identity);
  io.word(state.status);
  io.word(state.generation);
  io.word(state.driver_features);
  for (QueueState& queue : state.queues) queue_fields(io, queue);
  io.word(state.device_state_size);
  io.bytes(state.device_state);
}

using RecordBytes = std::array<std::byte, kRecordSize>;

// Reads one copy; its sequence number, or 0 if it is damaged.
uint32_t read_copy(std::span<const std::byte> from, DeviceRecord& record) {
  RecordBytes bytes;
  std::memcpy(bytes.data(), from.data(), bytes.size());
  const auto body = std::span(bytes).first(kBodySize);
  if (load_le<uint32_t>(bytes.data() + kBodySize) != crc32(body)) return 0;
  uint32_t sequence = 0;
  WireReader reader(body);
  record_fields(reader, sequence, record);
  return sequence;
}

bool untouched(std::span<const std::byte> copy) {
  return load_le<uint32_t>(copy.data()) == 0 && load_le<uint32_t>(copy.data() + kBodySize) == 0;
}

}  // namespace

size_t StateRecords::table_size(uint16_t devices) {
  return kHeaderSize + size_t{2} * devices * kRecordSize;
}

Extent StateRecords::place(uint16_t number) {
  return {kHeaderSize + size_t{2} * number * kRecordSize, 2 * kRecordSize};
}

std::span<std::byte> StateRecords::copy(uint16_t number, uint32_t which) const {
  return area_.subspan(static_cast<size_t>(place(number).offset) + which * kRecordSize,
                       kRecordSize);
}

bool StateRecords::attach(std::span<std::byte> area, uint32_t tag) {
  area_ = area;
  const size_t room = (area.size() - kHeaderSize) / (2 * kRecordSize);
  devices_ = static_cast<uint16_t>(std::min<size_t>(room, kMaxDevices));
  sequence_.fill(0);
  return load_le<uint32_t>(area_.data()) == kTableMagic &&
         load_le<uint32_t>(area_.data() + sizeof(uint32_t)) == tag;
}

void StateRecords::format(uint32_t tag) {
  // Without the magic nobody looks at the rest; so it goes first and comes last.
  store_le<uint32_t>(area_.data(), 0);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memset(area_.data() + kHeaderSize, 0, table_size(devices_) - kHeaderSize);
  sequence_.fill(0);
  store_le<uint32_t>(area_.data() + sizeof(uint32_t), tag);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  store_le<uint32_t>(area_.data(), kTableMagic);
}

RecordResult StateRecords::load(uint16_t number, DeviceRecord& record) {
  DeviceRecord copies[2];
  const uint32_t sequences[2] = {read_copy(copy(number, 0), copies[0]),
                                 read_copy(copy(number, 1), copies[1])};
  if (sequences[0] == 0 && sequences[1] == 0) {
    const bool none = untouched(copy(number, 0)) && untouched(copy(number, 1));
    return none ? RecordResult::kNone : RecordResult::kCorrupt;
  }
  // The sequence may have wrapped; a damaged copy never wins.
  const bool second = sequences[0] == 0 ||
                      (sequences[1] != 0 && static_cast<int32_t>(sequences[1] - sequences[0]) > 0);
  sequence_[number] = sequences[second ? 1 : 0];
  record = copies[second ? 1 : 0];
  return record.epoch == 0 ? RecordResult::kNone : RecordResult::kLoaded;
}

void StateRecords::store(uint16_t number, const DeviceRecord& record) {
  // Over the copy that is not the newest: copy n holds the sequence numbers of parity n.
  uint32_t sequence = sequence_[number] + 1;
  if (sequence == 0) sequence = 2;
  sequence_[number] = sequence;
  RecordBytes bytes{};
  DeviceRecord source = record;
  WireWriter writer{std::span(bytes).first(kBodySize)};
  record_fields(writer, sequence, source);
  store_le<uint32_t>(bytes.data() + kBodySize, crc32(std::span(bytes).first(kBodySize)));
  std::ranges::copy(bytes, copy(number, sequence % 2).begin());
  // The record is complete before anything that depends on it becomes visible.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

void StateRecords::erase(uint16_t number) { store(number, {}); }

}  // namespace stratos::virtio
