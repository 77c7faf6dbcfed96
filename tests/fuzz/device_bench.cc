// SPDX-License-Identifier: Apache-2.0
#include "device_bench.h"

#include <algorithm>

#include "virtio/features.h"

namespace stratos::fuzz {
namespace {

constexpr size_t kMemorySize = 256 << 10;
constexpr uint64_t kTransportFeatures = virtio::kFeatureVersion1 | virtio::kFeatureEventIdx;
constexpr uint32_t kAgreed =
    virtio::kStatusAcknowledge | virtio::kStatusDriver | virtio::kStatusFeaturesOk;
constexpr uint64_t kFirstPlace = 64 << 10;  // of requests, behind the rings
constexpr uint16_t kMaxRing = 16;
constexpr size_t kMaxPiece = 1024;

}  // namespace

DeviceBench::DeviceBench(virtio::Device& device, Input& input)
    : device_(device), input_(input), memory_(kMemorySize) {
  for (const uint16_t size : device.type().max_queue_sizes) {
    const uint16_t ring = std::min(size, kMaxRing);
    records_.emplace_back(virtio::InflightTable::bytes(ring, false) / sizeof(uint64_t));
  }
  for (auto& record : records_) tables_.emplace_back(std::as_writable_bytes(std::span(record)));
  bind();
  start();
}

DeviceBench::~DeviceBench() { instance_.unbind(); }

void DeviceBench::bind() {
  instance_.bind({.number = 0,
                  .device = &device_,
                  .host = this,
                  .memory = memory_.memory(),
                  .transport_features = kTransportFeatures,
                  .required_features = virtio::kFeatureVersion1,
                  .inflight = tables_});
}

void DeviceBench::start() {
  instance_.set_status(0);
  if (instance_.resetting()) return;
  queues_.clear();
  instance_.set_status(virtio::kStatusAcknowledge);
  instance_.set_status(virtio::kStatusAcknowledge | virtio::kStatusDriver);
  const uint64_t features =
      instance_.offered_features() &
      (kTransportFeatures | (input_.chance() ? ~uint64_t{0} : input_.any<uint64_t>()));
  instance_.set_feature_block(0, static_cast<uint32_t>(features));
  instance_.set_feature_block(1, static_cast<uint32_t>(features >> 32));
  if (instance_.set_status(kAgreed) != kAgreed) return;
  std::ranges::fill(memory_.bytes().first(kFirstPlace), std::byte{});
  ring_memory_.emplace(memory_.bytes(), 0);
  for (uint16_t index = 0; index < instance_.queue_count(); ++index) {
    const uint16_t size = std::min(instance_.max_queue_size(index), kMaxRing);
    auto queue = test::DriverQueue::make(*ring_memory_, {.size = size, .event_idx = true});
    require(instance_.set_queue(index, queue->setup(), true));
    queues_.push_back(std::move(queue));
  }
  instance_.set_status(kAgreed | virtio::kStatusDriverOk);
}

void DeviceBench::step() {
  switch (input_.up_to(7)) {
    case 0:
      change_device();
      break;
    case 1:
    case 2:
      turn();
      break;
    default:
      post();
      break;
  }
}

// Some readable pieces with the bytes of the input, then some writable ones.
void DeviceBench::post() {
  if (queues_.empty()) return;
  const auto index = static_cast<uint16_t>(input_.up_to<size_t>(queues_.size() - 1));
  test::DriverQueue& queue = *queues_[index];
  while (queue.get_used()) {
  }
  // Each chain has a place of its own, lest the device see one overwritten by the next.
  uint64_t at = kFirstPlace + input_.up_to<uint64_t>(7) * 16 * kMaxPiece;
  std::vector<test::Buffer> out;
  std::vector<test::Buffer> in;
  for (uint32_t i = input_.up_to(3); i > 0; --i) {
    const auto bytes = input_.bytes(kMaxPiece);
    if (bytes.empty()) continue;
    std::ranges::copy(bytes, memory_.at(at));
    out.push_back({at, static_cast<uint32_t>(bytes.size())});
    at += bytes.size();
  }
  for (uint32_t i = input_.up_to(3); i > 0; --i) {
    const uint32_t size = input_.up_to<uint32_t>(kMaxPiece - 1) + 1;
    in.push_back({at, size});
    at += size;
  }
  if (out.empty() && in.empty()) return;
  if (!queue.add(out, in)) return;
  queue.publish();
  instance_.kick(index);
}

void DeviceBench::turn() {
  now_ += input_.up_to<uint64_t>(2'000'000'000);
  // A device that asks for more turns for ever would hang its link.
  for (int left = 100; instance_.service(now_, 16) || instance_.flush(); --left) require(left > 0);
}

void DeviceBench::change_device() {
  std::array<std::byte, 16> space{};
  switch (input_.up_to(3)) {
    case 0:
      start();
      break;
    case 1:
      instance_.read_config(input_.any<uint32_t>(),
                            std::span(space).first(input_.up_to(space.size())));
      break;
    case 2:
      instance_.write_config(input_.any<uint32_t>(), input_.up_to(64), input_.bytes(16));
      break;
    case 3: {
      // The process dies and a successor reads state that the peer may have changed.
      virtio::InstanceState state = instance_.state();
      if (input_.chance()) input_.scribble(state.device_state, 8);
      if (input_.chance()) state.device_state_size = input_.any<uint32_t>();
      if (!device_.idle()) break;
      instance_.suspend();
      instance_.unbind();
      bind();
      instance_.restore(state);
      break;
    }
  }
}

}  // namespace stratos::fuzz
