// SPDX-License-Identifier: Apache-2.0
// An RPMB device without a key and without a store: it answers what a driver wants to
// hear, or, when the address of a request is one of those below, something else.

#pragma once

#include <linux/virtio_rpmb.h>

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/loop.h"
#include "runtime/timer.h"
#include "virtio/device.h"

namespace stratos::guest {

// What the device does with a read from this address.
enum class Trick : uint16_t {
  kShort = 0x0f01,      // fills all of the response but says that it wrote a byte less
  kNothing = 0x0f02,    // says that it wrote nothing
  kWrongType = 0x0f03,  // the response to something else
  kNever = 0x0f04,      // no answer
  kSlow = 0x0f05,       // half a second later
  kHeld = 0x0f06,       // when the next request comes, and after that
};

class ScriptedRpmb final : public virtio::Device {
 public:
  ScriptedRpmb(runtime::Loop& loop, const virtio_rpmb_config& config, uint16_t queue_size);

  const virtio::DeviceType& type() const override { return type_; }
  uint64_t features() const override { return 0; }
  bool accept(uint64_t) const override { return true; }
  void read_config(uint32_t offset, std::span<std::byte> into) const override;
  bool write_config(uint32_t, std::span<const std::byte>) override { return false; }
  void start(virtio::Transport& transport, uint64_t) override { transport_ = &transport; }
  void stop() override;
  bool process(uint16_t queue, virtio::Time now, uint32_t budget) override;

 private:
  void take(virtio::Queue& queue, const virtio::Chain& chain);
  // Writes the response and says how long it is.
  uint32_t respond(const virtio::Chain& chain, const virtio_rpmb_frame& request);
  uint16_t execute(const virtio_rpmb_frame& request);
  void push(const virtio::Chain& chain, uint32_t written);

  const virtio_rpmb_config config_;
  const std::array<uint16_t, 1> queue_sizes_;
  const virtio::DeviceType type_;
  virtio::Transport* transport_ = nullptr;
  virtio_rpmb_frame result_{};  // the register
  uint32_t writes_ = 0;
  std::vector<virtio::Chain> held_;
  std::deque<virtio::Chain> slow_;
  runtime::Timer slow_timer_;
};

}  // namespace stratos::guest
