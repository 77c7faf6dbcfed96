// SPDX-License-Identifier: Apache-2.0
// The smallest device that does what every device does: it reads a request of 16
// bytes, looks at it, and answers with as many. What it costs is the cost of the link.

#pragma once

#include <array>

#include "virtio/device.h"

namespace stratos::bench {

// The last device id that virtio-pci can carry; nothing claims it.
inline constexpr uint32_t kResponderId = 63;
inline constexpr uint32_t kRequestSize = 16;
inline constexpr uint16_t kQueueSize = 512;  // 256 requests of two descriptors

class Responder final : public virtio::Device {
 public:
  const virtio::DeviceType& type() const override { return type_; }
  uint64_t features() const override { return 0; }
  bool accept(uint64_t) const override { return true; }
  void read_config(uint32_t, std::span<std::byte>) const override {}
  bool write_config(uint32_t, std::span<const std::byte>) override { return false; }
  void start(virtio::Transport& transport, uint64_t) override { transport_ = &transport; }
  void stop() override { transport_ = nullptr; }
  bool process(uint16_t queue, virtio::Time now, uint32_t budget) override;

 private:
  static constexpr std::array<uint16_t, 1> kQueues{kQueueSize};
  virtio::DeviceType type_{.device_id = kResponderId, .config_size = 0, .max_queue_sizes = kQueues};
  virtio::Transport* transport_ = nullptr;
};

}  // namespace stratos::bench
