// SPDX-License-Identifier: Apache-2.0
#include "stratosd/can_guest.h"

#include <linux/virtio_can.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <span>
#include <stdexcept>
#include <utility>

#include "can/can_rig.h"
#include "drain.h"

namespace stratos::test {
namespace {

constexpr uint16_t kDevice = 0;
constexpr uint16_t kQueueSize = 64;
constexpr uint32_t kBufferSize = 128;
constexpr uint32_t kHeaderSize = 16;
constexpr uint32_t kIdentifier = 0x123;

virtio::Time monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
}

runtime::EventFd adopt(int fd) {
  auto bell = runtime::EventFd::adopt(runtime::UniqueFd(::dup(fd)));
  if (!bell) throw std::runtime_error("the hub gave no eventfd");
  return std::move(*bell);
}

}  // namespace

CanGuest::CanGuest(const std::string& driver_socket, size_t region_size) : client_(driver_socket) {
  receive_gift(region_size);
  MsgDriver::Options options;
  options.ring = [this](uint32_t) { peer_bell_->ring(); };
  options.pump = [this] { sleep(); };
  options.now = monotonic_now;
  driver_ = std::make_unique<MsgDriver>(memory_.bytes(), std::move(options));
}

void CanGuest::receive_gift(size_t region_size) {
  // Version, own id, memory, the other's bell, the own bell.
  if (!client_.wait_for(5)) throw std::runtime_error("the hub gave no seat");
  const auto& messages = client_.messages();
  auto memory = runtime::Mapping::map(messages[2].fd.get(), region_size);
  if (!memory) throw std::runtime_error("cannot map the region");
  memory_ = std::move(*memory);
  peer_bell_.emplace(adopt(messages[3].fd.get()));
  own_bell_.emplace(adopt(messages[4].fd.get()));
}

bool CanGuest::come_up() {
  if (!driver_->connect()) return false;
  device_ = driver_->set_up(kDevice, ~uint64_t{0}, kQueueSize);
  if (!device_) return false;
  for (int i = 0; i < kQueueSize / 2; ++i) {
    free_messages_.push_back(device_->memory->allocate(kBufferSize));
  }
  for (int i = 0; i < kQueueSize; ++i) {
    post_receive_buffer(device_->memory->allocate(kBufferSize));
  }
  return start_controller();
}

void CanGuest::post_receive_buffer(uint64_t address) {
  DriverQueue& queue = *device_->queues[VIRTIO_CAN_QUEUE_RX];
  const Buffer buffer{address, kBufferSize};
  const auto id = queue.add({}, {&buffer, 1});
  if (!id) throw std::logic_error("no room for a receive buffer");
  buffers_[*id] = address;
  queue.publish();
  if (queue.kick_needed()) driver_->kick(kDevice, VIRTIO_CAN_QUEUE_RX);
}

bool CanGuest::start_controller() {
  DriverQueue& queue = *device_->queues[VIRTIO_CAN_QUEUE_CONTROL];
  const uint64_t address = device_->memory->allocate(16);
  constexpr uint16_t kStart = VIRTIO_CAN_SET_CTRL_MODE_START;
  std::memcpy(device_->memory->at(address), &kStart, sizeof(kStart));
  const Buffer request{address, sizeof(kStart)};
  const Buffer result{address + 8, 1};
  if (!queue.add({&request, 1}, {&result, 1})) return false;
  queue.publish();
  driver_->kick(kDevice, VIRTIO_CAN_QUEUE_CONTROL);
  return driver_->wait_for([&] { return queue.get_used().has_value(); }) &&
         *device_->memory->at(address + 8) == std::byte{VIRTIO_CAN_RESULT_OK};
}

bool CanGuest::send(uint32_t number) {
  return send_message(tx_message(numbered(kIdentifier, number)), number);
}

bool CanGuest::send_nonsense() { return send_message(from_hex("ff ff"), UINT32_MAX); }

bool CanGuest::send_message(const std::vector<std::byte>& message, uint32_t number) {
  if (free_messages_.empty()) return false;
  const uint64_t address = free_messages_.back();
  std::memcpy(device_->memory->at(address), message.data(), message.size());
  const Buffer request{address, static_cast<uint32_t>(message.size())};
  const Buffer result{address + kBufferSize - 1, 1};
  DriverQueue& queue = *device_->queues[VIRTIO_CAN_QUEUE_TX];
  const auto id = queue.add({&request, 1}, {&result, 1});
  if (!id) return false;
  free_messages_.pop_back();
  requests_[*id] = {address, number};
  queue.publish();
  if (queue.kick_needed()) driver_->kick(kDevice, VIRTIO_CAN_QUEUE_TX);
  return true;
}

void CanGuest::poll() {
  driver_->poll();
  take_results();
  take_frames();
}

void CanGuest::take_results() {
  while (const auto used = device_->queues[VIRTIO_CAN_QUEUE_TX]->get_used()) {
    const Request request = requests_.at(used->id);
    requests_.erase(used->id);
    results_[request.number] =
        std::to_integer<uint8_t>(*device_->memory->at(request.message + kBufferSize - 1));
    free_messages_.push_back(request.message);
  }
}

void CanGuest::take_frames() {
  while (const auto used = device_->queues[VIRTIO_CAN_QUEUE_RX]->get_used()) {
    const uint64_t address = buffers_.at(used->id);
    buffers_.erase(used->id);
    uint32_t number = 0;
    if (used->length < kHeaderSize + sizeof(number)) throw std::logic_error("a short frame");
    std::memcpy(&number, device_->memory->at(address + kHeaderSize), sizeof(number));
    heard_.push_back(number);
    post_receive_buffer(address);
  }
}

void CanGuest::sleep() {
  if (!driver_->prepare_sleep()) return;
  pollfd waiting{.fd = own_bell_->fd(), .events = POLLIN, .revents = 0};
  ::poll(&waiting, 1, 10);
  test::drain(*own_bell_);
}

}  // namespace stratos::test
