// SPDX-License-Identifier: Apache-2.0
// A CAN bus on which every frame is sent at once and another one comes in each turn.

#pragma once

#include <deque>

#include "devices/can/bus.h"

namespace stratos::guest {

class RestlessBus final : public can::Bus {
 public:
  Capabilities capabilities() const override { return {.fd = true, .remote = true}; }
  bool start(can::BusListener& listener) override {
    listener_ = &listener;
    return true;
  }
  void stop() override {
    listener_ = nullptr;
    sent_.clear();
  }
  bool send(const can::Frame&, can::TxToken token) override {
    sent_.push_back(token);
    return true;
  }

  // Tells the listener what happened since the last turn.
  void pump() {
    while (listener_ != nullptr && !sent_.empty()) {
      const can::TxToken token = sent_.front();
      sent_.pop_front();
      listener_->on_sent(token, true);
    }
    if (listener_ != nullptr) listener_->on_frame({.id = 0x123, .length = 8});
  }

 private:
  can::BusListener* listener_ = nullptr;
  std::deque<can::TxToken> sent_;
};

}  // namespace stratos::guest
