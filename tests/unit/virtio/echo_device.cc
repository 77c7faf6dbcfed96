// SPDX-License-Identifier: Apache-2.0

#include "virtio/echo_device.h"

#include <algorithm>

#include "virtio/endian.h"

namespace stratos::test {

void EchoDevice::read_config(uint32_t offset, std::span<std::byte> into) const {
  std::copy_n(config_.begin() + offset, into.size(), into.begin());
}

bool EchoDevice::write_config(uint32_t offset, std::span<const std::byte> from) {
  if (offset == 0) return false;
  std::ranges::copy(from, config_.begin() + offset);
  return true;
}

void EchoDevice::start(virtio::Transport& transport, uint64_t features) {
  transport_ = &transport;
  accepted_ = features;
  ++starts_;
}

void EchoDevice::stop() {
  transport_ = nullptr;
  held_.clear();
  ++stops_;
}

bool EchoDevice::process(uint16_t index, virtio::Time, uint32_t budget) {
  if (index == 1) {
    send_unsent();
    return false;
  }
  virtio::Queue* queue = transport_->queue(index);
  if (queue == nullptr) return false;
  virtio::Chain chain;
  for (; budget != 0; --budget) {
    if (queue->pop(chain) != virtio::PopResult::kChain) return false;
    if (hold_) {
      held_.push_back(chain);
    } else {
      answer(chain, *queue);
    }
  }
  return true;
}

void EchoDevice::answer(const virtio::Chain& chain, virtio::Queue& queue) {
  std::array<std::byte, 256> bytes{};
  const size_t size = chain.read(0, bytes);
  ++answered_;
  queue.push(chain, static_cast<uint32_t>(chain.write(0, std::span(bytes).first(size))));
}

void EchoDevice::answer_held() {
  virtio::Queue* queue = transport_->queue(0);
  for (const virtio::Chain& chain : held_) answer(chain, *queue);
  held_.clear();
  transport_->completed(0);
}

void EchoDevice::emit(uint8_t value) {
  unsent_.push_back(value);
  send_unsent();
}

void EchoDevice::send_unsent() {
  virtio::Queue* queue = transport_->queue(1);
  virtio::Chain chain;
  while (queue != nullptr && !unsent_.empty() && queue->pop(chain) == virtio::PopResult::kChain) {
    const std::byte value{unsent_.front()};
    unsent_.pop_front();
    queue->push(chain, static_cast<uint32_t>(chain.write(0, std::span(&value, 1))));
    transport_->completed(1);
  }
}

void EchoDevice::set_config(uint8_t value) {
  config_[0] = std::byte{value};
  transport_->config_changed();
}

size_t EchoDevice::save(std::span<std::byte> into) const {
  virtio::store_le(into.data(), answered_);
  return sizeof(answered_);
}

bool EchoDevice::restore(std::span<const std::byte> from) {
  if (from.size() != sizeof(answered_)) return false;
  answered_ = virtio::load_le<uint32_t>(from.data());
  return true;
}

}  // namespace stratos::test
