// SPDX-License-Identifier: Apache-2.0
// What every virtio-rpmb device (VIRTIO 1.2, chapter "RPMB Device", id 28) is towards its
// driver: a queue, a configuration space, and requests that are served one at a time, in
// the order of the ring. What a request does is the affair of the classes below.
//
// A request that changes something waits until the driver can see the answers to those
// before it. So when this process dies, at most one change was made whose answer is
// missing, and it is the last one.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/counters.h"
#include "devices/rpmb/request.h"
#include "virtio/device.h"

namespace stratos::rpmb {

// What fits into one descriptor chain with a frame each. The device always has limits.
inline constexpr uint16_t kMaxWriteBlocks = virtio::kMaxSegments - 2;
inline constexpr uint16_t kMaxReadBlocks = virtio::kMaxSegments - 1;

// The type of the response to a request.
constexpr uint16_t response_type(RequestType type) {
  return static_cast<uint16_t>(static_cast<uint16_t>(type) << 8);
}

class RequestDevice : public virtio::Device {
 public:
  RequestDevice(const RequestDevice&) = delete;
  RequestDevice& operator=(const RequestDevice&) = delete;

  const virtio::DeviceType& type() const final { return type_; }
  uint64_t features() const final { return 0; }
  bool accept(uint64_t) const final { return true; }
  void read_config(uint32_t offset, std::span<std::byte> into) const final;
  bool write_config(uint32_t, std::span<const std::byte>) final { return false; }
  void start(virtio::Transport& transport, uint64_t features) final;
  void stop() override;
  bool process(uint16_t queue, virtio::Time now, uint32_t budget) final;

  const Counters& counters() const { return counters_; }
  uint32_t capacity_blocks() const { return blocks_; }

 protected:
  // `blocks` is the capacity; `frames` holds max_write_blocks + 1 frames and outlives the
  // device.
  RequestDevice(uint32_t blocks, uint16_t queue_size, const Limits& limits,
                std::span<std::byte> frames);
  ~RequestDevice() = default;

  // Serves request(), whose frames are in the memory for them: gives its chain back, or
  // waits for a port. Each class below has its own; it is not pure because the handler of
  // pure calls is a symbol that an embedder may not have.
  virtual void execute() {}

  // A port is busy with the request, and calls back later. Nothing else is begun before.
  void wait();
  // The port has called back. False if it need not have, or if nobody wants the request
  // any more: then its chain is gone.
  bool end_wait();

  const Request& request() const { return request_; }
  const Limits& limits() const { return limits_; }
  // How many frames the response has: what the driver has room for, and 0 if it has none.
  size_t response_frames() const;
  // Writes frame `index` of the response.
  void write_response(size_t index, FrameView frame);
  // Gives the chain back with so many frames written.
  void give_back(size_t frames);

  void count(Result result) { ++counters_.results[static_cast<size_t>(result)]; }

  Counters counters_;

 private:
  // What became of one look at the queue.
  enum class Step : uint8_t { kDone, kIdle, kBusy, kAfterPublish, kBroken };

  Step take(virtio::Queue& queue);

  const uint32_t blocks_;
  const Limits limits_;
  const std::span<std::byte> frames_;
  const std::array<uint16_t, VIRTIO_RPMB_QUEUE_COUNT> queue_sizes_;
  virtio::DeviceType type_;

  virtio::Transport* transport_ = nullptr;  // set while started and not broken
  bool busy_ = false;                       // a port is,
  bool wanted_ = false;                     // and somebody waits for it
  virtio::Chain chain_;                     // of the request under way
  Request request_;
};

}  // namespace stratos::rpmb
