// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/request_device.h"

#include <algorithm>
#include <utility>

namespace stratos::rpmb {
namespace {

constexpr uint16_t kQueue = VIRTIO_RPMB_QUEUE_REQUEST;
constexpr uint32_t kBlocksPerUnit =
    static_cast<uint32_t>(VIRTIO_RPMB_CAPACITY_UNIT) / uint32_t{kBlockSize};

}  // namespace

RequestDevice::RequestDevice(uint32_t blocks, uint16_t queue_size, const Limits& limits,
                             std::span<std::byte> frames)
    : blocks_(blocks),
      limits_(limits),
      frames_(frames),
      queue_sizes_{queue_size},
      type_{VIRTIO_RPMB_DEVICE_ID, sizeof(virtio_rpmb_config), queue_sizes_} {}

void RequestDevice::read_config(uint32_t offset, std::span<std::byte> into) const {
  const std::array<std::byte, sizeof(virtio_rpmb_config)> config{
      static_cast<std::byte>(blocks_ / kBlocksPerUnit),
      static_cast<std::byte>(limits_.max_write_blocks),
      static_cast<std::byte>(limits_.max_read_blocks)};
  const size_t from = std::min<size_t>(offset, config.size());
  const size_t size = std::min(into.size(), config.size() - from);
  std::copy_n(config.begin() + static_cast<ptrdiff_t>(from), size, into.begin());
}

void RequestDevice::start(virtio::Transport& transport, uint64_t) { transport_ = &transport; }

void RequestDevice::stop() {
  transport_ = nullptr;
  if (wanted_) ++counters_.forgotten;
  wanted_ = false;
}

bool RequestDevice::process(uint16_t index, virtio::Time, uint32_t budget) {
  virtio::Queue* queue = transport_ && index == kQueue ? transport_->queue(kQueue) : nullptr;
  if (!queue) return false;
  Step step = Step::kDone;
  for (; budget > 0 && step == Step::kDone; --budget) step = take(*queue);
  return step == Step::kDone || step == Step::kAfterPublish;
}

RequestDevice::Step RequestDevice::take(virtio::Queue& queue) {
  if (busy_) return Step::kBusy;
  const virtio::PopResult popped = queue.pop(chain_);
  if (popped == virtio::PopResult::kEmpty) return Step::kIdle;
  if (popped == virtio::PopResult::kBroken) {
    transport_->needs_reset();
    transport_ = nullptr;
    return Step::kBroken;
  }
  request_ = read_request(chain_, limits_, frames_);
  if (request_.writes() && queue.unpublished()) {
    queue.unpop(chain_);
    return Step::kAfterPublish;
  }
  ++counters_.requests[static_cast<size_t>(request_.type)];
  if (request_.malformed != Malformed::kNone) {
    ++counters_.malformed[static_cast<size_t>(request_.malformed)];
  }
  execute();
  return Step::kDone;
}

void RequestDevice::wait() {
  busy_ = true;
  wanted_ = true;
}

bool RequestDevice::end_wait() {
  if (!std::exchange(busy_, false) || !transport_) return false;
  // Chains that came meanwhile. Whoever resets the device and starts it again while
  // the port is busy waits for this, too.
  transport_->serve_again(kQueue);
  if (!std::exchange(wanted_, false)) return false;
  transport_->completed(kQueue);
  return true;
}

size_t RequestDevice::response_frames() const {
  const bool many = request_.type == RequestType::kDataRead;
  const size_t wanted =
      many ? std::clamp<size_t>(request_.fields.block_count, 1, limits_.max_read_blocks) : 1;
  return std::min<size_t>(wanted, request_.room);
}

void RequestDevice::write_response(size_t index, FrameView frame) {
  chain_.write(index * kFrameSize, frame);
}

void RequestDevice::give_back(size_t frames) {
  virtio::Queue* queue = transport_->queue(kQueue);
  if (queue) queue->push(chain_, static_cast<uint32_t>(frames * kFrameSize));
}

}  // namespace stratos::rpmb
