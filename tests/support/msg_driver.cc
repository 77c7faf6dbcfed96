// SPDX-License-Identifier: Apache-2.0

#include "msg_driver.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "virtio/endian.h"

namespace stratos::test {

using virtio::LinkStatus;
using virtio::MessageHeader;

MsgDriver::MsgDriver(std::span<std::byte> region, Options options)
    : region_(region), options_(std::move(options)) {
  const auto layout = virtio::read_layout(region);
  if (!layout || !layout->extended) throw std::invalid_argument("no layout of ours");
  region_layout_ = *layout;
  used_bits_.resize(size_t{64} * region_layout_.num_notif);
  endpoint_.attach(region, region_layout_, virtio::Role::kDriver);
  machine_.attach(endpoint_, options_.heartbeat_period, options_.dead_time);
}

// ---- The link ----

void MsgDriver::begin() {
  begun_ = true;
  awaited_.reset();
  used_bits_.assign(used_bits_.size(), false);
  events_.clear();
  endpoint_.set_doorbell(options_.doorbell);
  machine_.begin(options_.now());
  ring();
}

void MsgDriver::poll() {
  endpoint_.set_need_wakeup(false);
  while (machine_.step(options_.now()) != virtio::LinkChange::kNothing) ring();
  if (status() != LinkStatus::kRun) return;
  bool messages = false;
  endpoint_.take_pending([&](uint32_t bit) {
    if (bit == virtio::MsgEndpoint::kMessageBit) {
      messages = true;
    } else {
      used_bits_[bit] = true;
    }
  });
  if (messages) receive_messages();
}

bool MsgDriver::wait_for(const std::function<bool()>& done) {
  for (int left = options_.patience; left > 0; --left) {
    poll();
    if (done()) return true;
    options_.pump();
  }
  return false;
}

bool MsgDriver::connect() {
  if (!begun_) begin();
  return wait_for([this] {
    return status() == LinkStatus::kRun && endpoint_.peer().status == LinkStatus::kRun;
  });
}

void MsgDriver::leave() {
  machine_.leave();
  ring();
}

void MsgDriver::ring() { options_.ring(endpoint_.peer_doorbell()); }

void MsgDriver::commit() {
  if (endpoint_.commit() == virtio::Wake::kRing) ring();
}

bool MsgDriver::prepare_sleep() {
  endpoint_.set_need_wakeup(true);
  const bool pending = status() == LinkStatus::kRun && endpoint_.has_pending();
  return !pending && !machine_.peer_moved();
}

// ---- Messages ----

bool MsgDriver::send_raw(std::span<const std::byte> message) {
  if (!endpoint_.send(message)) return false;
  commit();
  return true;
}

void MsgDriver::receive_messages() {
  std::vector<std::byte> slot(endpoint_.element_size());
  while (endpoint_.receive(slot) == virtio::ReceiveResult::kMessage) {
    const MessageHeader header = virtio::decode_header(slot);
    const size_t size = std::clamp<size_t>(header.size, virtio::kMessageHeaderSize, slot.size());
    std::vector<std::byte> payload(slot.begin() + virtio::kMessageHeaderSize,
                                   slot.begin() + static_cast<ptrdiff_t>(size));
    endpoint_.consume();
    if (!header.response) {
      events_.push_back({header, std::move(payload)});
    } else if (awaited_ && awaited_->id == header.id && awaited_->bus == header.bus &&
               awaited_->device == header.device && awaited_->token == header.token) {
      awaited_.reset();
      response_ = std::move(payload);
    }
  }
}

bool MsgDriver::transact(uint8_t id, uint16_t device, bool bus, const Encoder& encode) {
  if (++token_ == 0) ++token_;
  const MessageHeader header{.bus = bus, .id = id, .device = device, .token = token_};
  std::vector<std::byte> message(endpoint_.element_size());
  message.resize(encode(message, header));
  if (message.empty() || !wait_for([this] { return endpoint_.can_send(); })) return false;
  awaited_ = header;
  if (!send_raw(message)) return false;
  const bool answered = wait_for([this] { return !awaited_; });
  awaited_.reset();
  return answered;
}

std::optional<DriverEvent> MsgDriver::take_event() {
  if (events_.empty()) return std::nullopt;
  DriverEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

// ---- Requests ----

std::optional<std::vector<uint16_t>> MsgDriver::enumerate() {
  const uint32_t numbers = std::min<uint32_t>((region_layout_.device_numbers() + 7) / 8 * 8, 512);
  const auto window = call<virtio::DeviceWindow>(
      VIRTIO_MSG_BUS_GET_DEVICES, 0,
      virtio::GetDevices{.offset = 0, .count = static_cast<uint16_t>(numbers)}, true);
  if (!window) return std::nullopt;
  std::vector<uint16_t> devices;
  for (uint16_t number = 0; number < window->bitmap.size() * 8; ++number) {
    const auto byte = static_cast<unsigned>(window->bitmap[number / 8]);
    if ((byte >> (number % 8) & 1) != 0) devices.push_back(number);
  }
  return devices;
}

std::optional<virtio::DeviceInfo> MsgDriver::info(uint16_t device) {
  if (!transact(VIRTIO_MSG_GET_DEVICE_INFO, device, false, encoder(virtio::NoPayload{}))) {
    return std::nullopt;
  }
  if (response_.size() == sizeof(virtio_msg_device_info)) {
    layout_ = virtio::WireLayout::kL2;
  } else if (response_.size() == sizeof(virtio_msg_device_info_l1)) {
    layout_ = virtio::WireLayout::kL1;
  } else {
    return std::nullopt;
  }
  return virtio::decode<virtio::DeviceInfo>(response_, layout_);
}

std::optional<uint64_t> MsgDriver::features(uint16_t device) {
  const auto features = call<virtio::Features>(VIRTIO_MSG_GET_DEVICE_FEATURES, device,
                                               virtio::FeatureRange{.first = 0, .count = 2});
  if (!features || features->words.size() != sizeof(uint64_t)) return std::nullopt;
  return virtio::load_le<uint64_t>(features->words.data());
}

bool MsgDriver::set_features(uint16_t device, uint64_t features) {
  std::array<std::byte, sizeof(features)> words;
  virtio::store_le(words.data(), features);
  return call<virtio::NoPayload>(VIRTIO_MSG_SET_DRIVER_FEATURES, device,
                                 virtio::Features{{.first = 0, .count = 2}, words})
      .has_value();
}

std::optional<uint32_t> MsgDriver::status(uint16_t device) {
  const auto answer =
      call<virtio::Status>(VIRTIO_MSG_GET_DEVICE_STATUS, device, virtio::NoPayload{});
  if (!answer) return std::nullopt;
  return answer->status;
}

std::optional<uint32_t> MsgDriver::set_status(uint16_t device, uint32_t status) {
  const auto answer =
      call<virtio::Status>(VIRTIO_MSG_SET_DEVICE_STATUS, device, virtio::Status{status});
  if (!answer) return std::nullopt;
  return answer->status;
}

bool MsgDriver::reset(uint16_t device) {
  std::optional<uint32_t> now = set_status(device, 0);
  for (int left = options_.patience; now && *now != 0 && left > 0; --left) {
    options_.pump();
    now = status(device);
  }
  return now == 0U;
}

bool MsgDriver::set_queue(uint16_t device, uint32_t index, const virtio::QueueSetup& setup) {
  return call<virtio::NoPayload>(VIRTIO_MSG_SET_VQUEUE, device,
                                 virtio::SetQueue{.index = index,
                                                  .enable = true,
                                                  .size = setup.size,
                                                  .desc = setup.desc,
                                                  .driver = setup.driver,
                                                  .device = setup.device})
      .has_value();
}

std::optional<virtio::ShmInfo> MsgDriver::memory(uint16_t device) {
  return call<virtio::ShmInfo>(VIRTIO_MSG_GET_SHM, device,
                               virtio::GetShm{VIRTIO_MSG_SHMID_DEVICE_MEMORY});
}

std::unique_ptr<DriverDevice> MsgDriver::set_up(uint16_t device, uint64_t wanted,
                                                uint16_t queue_size) {
  using namespace virtio;
  const auto about = info(device);
  const auto shm = memory(device);
  const Extent& pool = region_layout_.pool;
  if (!about || !shm || shm->address < pool.offset || shm->length > pool.end() - shm->address ||
      !reset(device)) {
    return nullptr;
  }
  const auto bytes = region_.subspan(shm->address, shm->length);
  std::ranges::fill(bytes, std::byte{0});
  auto result = std::make_unique<DriverDevice>();
  result->number = device;
  result->info = *about;
  result->memory = std::make_unique<DriverMemory>(bytes, 0);

  set_status(device, kStatusAcknowledge);
  set_status(device, kStatusAcknowledge | kStatusDriver);
  const auto offered = features(device);
  constexpr uint64_t kNeeded = kFeatureVersion1 | kFeatureAccessPlatform;
  if (!offered || (*offered & kNeeded) != kNeeded) return nullptr;
  result->features = *offered & (wanted | kNeeded);
  constexpr uint32_t kAgreed = kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk;
  if (!set_features(device, result->features) || set_status(device, kAgreed) != kAgreed) {
    return nullptr;
  }
  for (uint32_t index = 0; index < about->max_queues; ++index) {
    const auto queue = call<QueueInfo>(VIRTIO_MSG_GET_VQUEUE, device, QueueIndex{index});
    if (!queue || queue->max_size == 0) return nullptr;
    const QueueSetup features{
        .size = static_cast<uint16_t>(std::min<uint32_t>(queue->max_size, queue_size)),
        .packed = (result->features & kFeatureRingPacked) != 0,
        .event_idx = (result->features & kFeatureEventIdx) != 0,
        .indirect = (result->features & kFeatureIndirectDesc) != 0};
    result->queues.push_back(DriverQueue::make(*result->memory, features));
    if (!set_queue(device, index, result->queues.back()->setup())) return nullptr;
  }
  if (set_status(device, kAgreed | kStatusDriverOk) != (kAgreed | kStatusDriverOk)) return nullptr;
  return result;
}

// ---- Notifications ----

void MsgDriver::kick(uint16_t device, uint16_t queue) {
  endpoint_.notify(endpoint_.bit_of(device, queue));
  commit();
}

bool MsgDriver::take_used(uint16_t device, uint16_t queue) {
  auto bit = used_bits_[endpoint_.bit_of(device, queue)];
  const bool came = bit;
  bit = false;
  return came;
}

}  // namespace stratos::test
