// SPDX-License-Identifier: Apache-2.0
// The devices of a link: how they come, go, and go on after a predecessor.

#include <array>
#include <cstring>

#include "virtio/checksum.h"
#include "virtio/msg_link.h"
#include "virtio/placement.h"
#include "virtio/wire.h"

namespace stratos::virtio {
namespace {

constexpr uint64_t kStorageAlignment = 64;
constexpr uint64_t kFeaturesOfLink =
    kFeatureVersion1 | kFeatureAccessPlatform | kFeatureOrderPlatform;
constexpr uint64_t kRequiredFeatures = kFeatureVersion1 | kFeatureAccessPlatform;
constexpr uint64_t kRingFeatures = kFeatureIndirectDesc | kFeatureEventIdx | kFeatureRingPacked;

// Whether a device fits into an Instance.
bool fits(const DeviceType& type) {
  if (type.max_queue_sizes.size() > kMaxQueues) return false;
  for (const uint16_t size : type.max_queue_sizes) {
    if (size == 0 || size > kMaxQueueSize) return false;
  }
  return true;
}

uint64_t storage_bytes(const DeviceType& type, bool packed) {
  uint64_t sum = 0;
  for (const uint16_t size : type.max_queue_sizes) sum += InflightTable::bytes(size, packed);
  return sum;
}

uint64_t whole_pages(uint64_t size) { return (size + kPageSize - 1) / kPageSize * kPageSize; }

}  // namespace

// All that has to be as it was for the records of a predecessor to make sense.
uint32_t MsgLink::records_tag() const {
  std::array<std::byte, 64> facts{};
  WireWriter writer(facts);
  writer.word(static_cast<uint8_t>(options_.layout));
  writer.word(kMaxDevices);
  writer.word(kMaxQueues);
  writer.word(layout_.num_elements);
  writer.word(layout_.element_size);
  writer.word(layout_.vq_notif);
  writer.word(layout_.device_private.offset);
  writer.word(layout_.device_private.size);
  writer.word(layout_.pool.offset);
  writer.word(layout_.pool.size);
  return crc32(facts);
}

std::span<std::byte> MsgLink::bytes(const Extent& extent) const {
  return region_.subspan(static_cast<size_t>(extent.offset), static_cast<size_t>(extent.size));
}

Extent MsgLink::storage_space() const {
  Extent space = layout_.device_private;
  space.offset += StateRecords::table_size();
  space.size -= StateRecords::table_size();
  return space;
}

// The extents that all known devices have, in `buffer`.
std::span<const Extent> MsgLink::taken(Extent Slot::*which, std::span<Extent> buffer) const {
  size_t count = 0;
  for_each_device(present_ | reserved_,
                  [&](uint16_t number) { buffer[count++] = slots_[number].*which; });
  return buffer.first(count);
}

// The places that a predecessor's devices had stay theirs until start().
void MsgLink::adopt_extents() {
  for (uint16_t number = 0; number < kMaxDevices; ++number) {
    DeviceRecord record;
    const RecordResult result = records_.load(number, record);
    const bool stale = result == RecordResult::kLoaded && record.epoch != endpoint_.epoch();
    if (result == RecordResult::kNone || stale) continue;
    std::array<Extent, kMaxDevices> buffer;
    const bool valid =
        result == RecordResult::kLoaded &&
        fits_in(layout_.pool, record.memory, kPageSize, taken(&Slot::memory, buffer)) &&
        fits_in(storage_space(), record.storage, kStorageAlignment, taken(&Slot::storage, buffer));
    if (!valid) {
      ++counters_.records_rejected;
      report(Event::kRecordRejected, number, 0);
      replaced_ |= device_bit(number);
      continue;
    }
    Slot& slot = slots_.make(number);
    slot.memory = record.memory;
    slot.storage = record.storage;
    reserved_ |= device_bit(number);
  }
}

std::optional<LinkError> MsgLink::place(uint16_t number, uint64_t memory_size,
                                        uint64_t storage_size) {
  Slot& slot = slots_.make(number);
  if ((reserved_ & device_bit(number)) != 0) {
    reserved_ &= ~device_bit(number);
    if (slot.memory.size == memory_size && slot.storage.size == storage_size) return std::nullopt;
    replaced_ |= device_bit(number);
  }
  std::array<Extent, kMaxDevices> buffer;
  const auto memory = first_fit(layout_.pool, memory_size, kPageSize, taken(&Slot::memory, buffer));
  if (!memory) return LinkError::kNoMemory;
  const auto storage =
      first_fit(storage_space(), storage_size, kStorageAlignment, taken(&Slot::storage, buffer));
  if (!storage) return LinkError::kNoPrivateMemory;
  slot.memory = *memory;
  slot.storage = *storage;
  const auto area = bytes(*storage);
  if (!area.empty()) std::memset(area.data(), 0, area.size());
  return std::nullopt;
}

void MsgLink::bind(uint16_t number, Device& device) {
  Slot& slot = slots_[number];
  const auto& sizes = device.type().max_queue_sizes;
  const bool packed = (options_.ring_features & kFeatureRingPacked) != 0;
  auto area = bytes(slot.storage);
  for (size_t index = 0; index < sizes.size(); ++index) {
    const size_t size = InflightTable::bytes(sizes[index], packed);
    slot.inflight[index] = InflightTable(area.first(size));
    area = area.subspan(size);
  }
  slot.window = {.address = 0, .size = slot.memory.size, .base = bytes(slot.memory).data()};
  slot.instance.bind(
      {.number = number,
       .device = &device,
       .host = this,
       .memory = Memory(std::span<const Window>(&slot.window, 1)),
       .transport_features = kFeaturesOfLink | (options_.ring_features & kRingFeatures),
       .required_features = kRequiredFeatures,
       .inflight = std::span(slot.inflight).first(sizes.size())});
}

std::expected<void, LinkError> MsgLink::add_device(uint16_t number, Device& device,
                                                   uint64_t memory_size) {
  if (number >= kMaxDevices || number >= layout_.device_numbers() || instance(number) != nullptr) {
    return std::unexpected(LinkError::kNumber);
  }
  if (!fits(device.type())) return std::unexpected(LinkError::kQueues);
  if (memory_size == 0 || memory_size > layout_.pool.size) {
    return std::unexpected(LinkError::kNoMemory);
  }
  const bool packed = (options_.ring_features & kFeatureRingPacked) != 0;
  if (const auto error =
          place(number, whole_pages(memory_size), storage_bytes(device.type(), packed))) {
    return std::unexpected(*error);
  }
  present_ |= device_bit(number);
  bind(number, device);
  if (!started_) return {};
  slots_[number].instance.record();
  if (status() == LinkStatus::kRun) ready_events_ |= device_bit(number);
  return {};
}

void MsgLink::remove_device(uint16_t number) {
  if (instance(number) == nullptr) return;
  const DeviceSet device = device_bit(number);
  Instance& gone = slots_[number].instance;
  gone.flush();
  gone.unbind();
  present_ &= ~device;
  attention_ &= ~device;
  waiting_ &= ~device;
  config_events_ &= ~device;
  if (!started_) return;
  const bool told = status() == LinkStatus::kRun && (ready_events_ & device) == 0;
  ready_events_ &= ~device;
  // The record goes when the driver side was told: see send_device_events().
  if (told) {
    removed_events_ |= device;
  } else {
    records_.erase(number);
  }
}

void MsgLink::resume_devices() {
  for_each_device(present_, [this](uint16_t number) { resume_device(number); });
  // What the predecessor had and we have not is gone for the driver side, too.
  removed_events_ |= reserved_ | replaced_;
  reserved_ = replaced_ = 0;
}

void MsgLink::resume_device(uint16_t number) {
  Instance& resumed = slots_[number].instance;
  DeviceRecord record;
  const bool known =
      records_.load(number, record) == RecordResult::kLoaded && record.epoch == endpoint_.epoch();
  if (known && record.state.identity != resumed.identity()) replaced_ |= device_bit(number);
  if (!known || (replaced_ & device_bit(number)) != 0) {
    ready_events_ |= device_bit(number);
    resumed.record();
    return;
  }
  if (!resumed.restore(record.state)) {
    ++counters_.records_rejected;
    report(Event::kRecordRejected, number, 0);
  }
  // Perhaps the driver side was never told of it; telling twice does no harm.
  if (resumed.status() == 0) ready_events_ |= device_bit(number);
}

void MsgLink::reset_devices() {
  for_each_device(present_, [this](uint16_t number) {
    slots_[number].instance.reset();
    // A record of an earlier epoch is void, so it is written in any case.
    persist(number);
  });
  config_events_ = removed_events_ = ready_events_ = 0;
  look_ = stalled_ = false;
}

void MsgLink::break_devices() {
  for_each_device(present_, [this](uint16_t number) {
    if (slots_[number].instance.running()) slots_[number].instance.break_device();
  });
}

void MsgLink::persist(uint16_t number) {
  if (!started_) return;
  const Slot& slot = slots_[number];
  records_.store(number, {.epoch = endpoint_.epoch(),
                          .memory = slot.memory,
                          .storage = slot.storage,
                          .state = slot.instance.state()});
}

}  // namespace stratos::virtio
