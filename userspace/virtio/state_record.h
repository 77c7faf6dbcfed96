// SPDX-License-Identifier: Apache-2.0
// What a helper leaves to its successor, in the private area of the region: for each
// device one record, kept in two copies, and the storage of its inflight tables.
//
// A record is written over the older copy and becomes the newer one by its sequence
// number, which a checksum covers: whenever the process dies, the old record or the
// new one is whole. The driver side can write here too, so whoever loads a record
// checks its content as if the driver had sent it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/amp_layout.h"
#include "virtio/instance.h"
#include "virtio/limits.h"

namespace stratos::virtio {

struct DeviceRecord {
  uint32_t epoch = 0;  // of the link, when it was written
  Extent memory;       // of the device, in the region
  Extent storage;      // of its inflight tables, in the region
  InstanceState state;
};

enum class RecordResult : uint8_t {
  kNone,  // there is no record
  kLoaded,
  kCorrupt,  // there was one, and both copies are damaged
};

class StateRecords {
 public:
  // Bytes that the records of so many devices take; in the private area of a region, what
  // follows is for inflight tables.
  static size_t table_size(uint16_t devices = kMaxDevices);

  // Where both copies of a record lie in the area. Here and below, `number` is below the
  // number of devices.
  static Extent place(uint16_t number);

  // `area` begins with the table, of as many devices as fit. `tag` stands for all that has to be
  // equal for a predecessor's records to make sense. True if there are such records.
  bool attach(std::span<std::byte> area, uint32_t tag);
  // Forgets all records and writes `tag`.
  void format(uint32_t tag);

  RecordResult load(uint16_t number, DeviceRecord& record);
  void store(uint16_t number, const DeviceRecord& record);
  void erase(uint16_t number);

 private:
  std::span<std::byte> copy(uint16_t number, uint32_t which) const;

  std::span<std::byte> area_;
  uint16_t devices_ = 0;
  std::array<uint32_t, kMaxDevices> sequence_{};  // of the newest copy, 0: none
};

}  // namespace stratos::virtio
