// SPDX-License-Identifier: Apache-2.0
// A device for the tests of links: it answers each request on queue 0 with its own
// bytes, sends bytes of the test's choice on queue 1, and says what happened to it.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "virtio/device.h"

namespace stratos::test {

class EchoDevice final : public virtio::Device {
 public:
  static constexpr uint32_t kDeviceId = 4242;
  static constexpr uint64_t kSomeFeature = 1;
  static constexpr uint64_t kRefusedFeature = 2;  // offered, but accept() says no
  static constexpr uint16_t kQueueSize = 64;

  const virtio::DeviceType& type() const override { return type_; }
  uint64_t features() const override { return features_; }
  bool accept(uint64_t features) const override { return (features & kRefusedFeature) == 0; }
  void read_config(uint32_t offset, std::span<std::byte> into) const override;
  // Byte 0 is read-only.
  bool write_config(uint32_t offset, std::span<const std::byte> from) override;
  void start(virtio::Transport& transport, uint64_t features) override;
  void stop() override;
  bool idle() const override { return idle_; }
  bool process(uint16_t queue, virtio::Time now, uint32_t budget) override;
  size_t save(std::span<std::byte> into) const override;
  bool restore(std::span<const std::byte> from) override;

  // ---- For the test ----
  // Keeps requests until answer_held().
  void hold(bool held) { hold_ = held; }
  size_t held() const { return held_.size(); }
  void answer_held();
  // Sends a byte on queue 1, as soon as there is a buffer.
  void emit(uint8_t value);
  size_t unsent() const { return unsent_.size(); }
  void set_idle(bool idle) { idle_ = idle; }
  void set_features(uint64_t features) { features_ = features; }
  void set_config(uint8_t value);
  virtio::Transport* transport() const { return transport_; }
  int starts() const { return starts_; }
  int stops() const { return stops_; }
  uint64_t accepted() const { return accepted_; }
  uint32_t answered() const { return answered_; }  // survives

 private:
  void answer(const virtio::Chain& chain, virtio::Queue& queue);
  void send_unsent();

  static constexpr std::array<uint16_t, 2> kQueues{kQueueSize, kQueueSize};
  virtio::DeviceType type_{.device_id = kDeviceId, .config_size = 8, .max_queue_sizes = kQueues};
  uint64_t features_ = kSomeFeature | kRefusedFeature;
  virtio::Transport* transport_ = nullptr;
  uint64_t accepted_ = 0;
  std::array<std::byte, 8> config_{};
  std::deque<virtio::Chain> held_;
  std::deque<uint8_t> unsent_;
  bool hold_ = false;
  bool idle_ = true;
  int starts_ = 0;
  int stops_ = 0;
  uint32_t answered_ = 0;
};

}  // namespace stratos::test
