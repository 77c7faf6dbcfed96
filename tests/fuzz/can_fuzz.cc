// SPDX-License-Identifier: Apache-2.0
// A CAN controller between a hostile driver and a bus that does as it likes.
#include <deque>

#include "device_bench.h"
#include "devices/can/can_device.h"

namespace stratos::fuzz {
namespace {

class RestlessBus final : public can::Bus {
 public:
  explicit RestlessBus(Input& input) : input_(input) {}

  Capabilities capabilities() const override { return {.fd = true, .remote = true}; }
  bool start(can::BusListener& listener) override {
    if (input_.up_to(7) == 0) return false;
    listener_ = &listener;
    return true;
  }
  void stop() override {
    listener_ = nullptr;
    under_way_.clear();
  }
  bool send(const can::Frame& frame, can::TxToken token) override {
    require(listener_ != nullptr && frame.length <= can::kMaxPayload);
    if (!under_way_.empty() && input_.up_to(3) == 0) return false;
    under_way_.push_back(token);
    return true;
  }

  void step() {
    if (!listener_) return;
    switch (input_.up_to(3)) {
      case 0:
        while (!under_way_.empty() && listener_) sent(false);
        if (listener_) std::exchange(listener_, nullptr)->on_bus_off();
        break;
      case 1: {
        const auto payload = input_.bytes(can::kMaxPayload);
        can::Frame frame{.id = input_.any<uint32_t>() & 0x1fffffff,
                         .extended = input_.chance(),
                         .remote = false,
                         .fd = payload.size() > 8,
                         .length = static_cast<uint8_t>(payload.size())};
        std::ranges::copy(payload, frame.payload.begin());
        listener_->on_frame(frame);
        break;
      }
      default:
        if (!under_way_.empty()) sent(input_.chance());
        break;
    }
  }

 private:
  void sent(bool ok) {
    const can::TxToken token = under_way_.front();
    under_way_.pop_front();
    listener_->on_sent(token, ok);
  }

  Input& input_;
  can::BusListener* listener_ = nullptr;
  std::deque<can::TxToken> under_way_;
};

void run(Input& input) {
  RestlessBus bus(input);
  can::StaticStorage<4, 8> storage;
  can::CanDevice device(bus, {.late_tx_ack = input.chance()}, storage);
  DeviceBench bench(device, input);
  while (input.more()) {
    if (input.chance()) {
      bench.step();
    } else {
      bus.step();
    }
  }
}

}  // namespace
}  // namespace stratos::fuzz

STRATOS_FUZZER(stratos::fuzz::run)
