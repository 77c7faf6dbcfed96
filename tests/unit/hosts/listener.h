// SPDX-License-Identifier: Apache-2.0
// A listener that remembers what it was told.

#pragma once

#include <functional>
#include <vector>

#include "devices/can/bus.h"

namespace stratos::test {

class Listener final : public can::BusListener {
 public:
  struct Sent {
    can::TxToken token = 0;
    bool ok = false;

    friend bool operator==(const Sent&, const Sent&) = default;
  };

  void on_frame(const can::Frame& frame) override {
    frames.push_back(frame);
    if (frame_hook) frame_hook(frame);
  }
  void on_sent(can::TxToken token, bool ok) override {
    sent.push_back({token, ok});
    if (sent_hook) sent_hook(token, ok);
  }
  void on_bus_off() override { ++bus_offs; }

  std::vector<can::Frame> frames;
  std::vector<Sent> sent;
  int bus_offs = 0;
  std::function<void(const can::Frame&)> frame_hook;
  std::function<void(can::TxToken, bool)> sent_hook;
};

// A classic frame of one byte.
inline can::Frame frame_of(uint32_t id, uint8_t value = 0) {
  can::Frame frame;
  frame.id = id;
  frame.length = 1;
  frame.payload[0] = std::byte{value};
  return frame;
}

}  // namespace stratos::test
