// SPDX-License-Identifier: Apache-2.0
// A relay between a driver with a real queue and a chip that the test plays.

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "devices/rpmb/relay_device.h"
#include "rpmb/request_rig.h"

namespace stratos::test {

// Remembers what it was asked, and answers when it is told to.
class FakeChip final : public rpmb::FramePort {
 public:
  struct Asked {
    Frames write;
    Frames ask;
    size_t response = 0;  // frames

    friend bool operator==(const Asked&, const Asked&) = default;
  };

  void listen(rpmb::FramePortListener& listener) override { listener_ = &listener; }
  void begin(const rpmb::Exchange& exchange) override {
    overlaps += busy_ ? 1 : 0;
    busy_ = true;
    response_ = exchange.response;
    asked.push_back(
        {frames(exchange.write), frames(exchange.ask), exchange.response.size() / sizeof(Frame)});
  }

  bool busy() const { return busy_; }
  // The exchange under way is over.
  void reply(const Frames& response) {
    const Bytes bytes = to_bytes(response);
    std::copy_n(bytes.begin(), std::min(bytes.size(), response_.size()), response_.begin());
    end(true);
  }
  void fail() { end(false); }
  // The process died.
  void die() {
    busy_ = false;
    listener_ = nullptr;
  }

  std::vector<Asked> asked;
  int overlaps = 0;

 private:
  static Frames frames(std::span<const std::byte> bytes) {
    return to_frames({bytes.begin(), bytes.end()});
  }
  void end(bool ok) {
    busy_ = false;
    listener_->on_exchanged(ok);
  }

  rpmb::FramePortListener* listener_ = nullptr;
  bool busy_ = false;
  std::span<std::byte> response_;
};

class RelayRig final : public RequestRig {
 public:
  explicit RelayRig(bool packed = false) : RequestRig(kOptions.queue_size, packed) {
    make_device();
    connect();
  }

  // The chip answers what is under way, and all that this makes possible is done.
  void reply(const Frames& response) {
    chip.reply(response);
    turn();
  }
  void fail() {
    chip.fail();
    turn();
  }
  // The process dies, and a successor asks the same chip.
  void kill() {
    chip.die();
    device.reset();
    make_device();
    resume();
  }

  FakeChip chip;
  std::unique_ptr<rpmb::RelayDevice> device;

 private:
  static constexpr rpmb::RelayDevice::Options kOptions{
      .blocks = 1024, .max_write_blocks = 4, .max_read_blocks = 8};

  rpmb::RequestDevice& served() override { return *device; }
  void make_device() {
    memory_.assign(rpmb::RelayDevice::storage_size(kOptions), std::byte{0xdd});
    device = std::make_unique<rpmb::RelayDevice>(chip, kOptions, memory_);
  }

  std::vector<std::byte> memory_;
};

}  // namespace stratos::test
