// SPDX-License-Identifier: Apache-2.0
// A bus that does what a test tells it.

#pragma once

#include <deque>
#include <vector>

#include "devices/can/bus.h"

namespace stratos::test {

class FakeBus final : public can::Bus {
 public:
  struct Sent {
    can::Frame frame;
    can::TxToken token = 0;
  };

  Capabilities capabilities() const override { return capable; }
  bool start(can::BusListener& joining) override {
    if (!usable) return false;
    ++starts;
    listener = &joining;
    return true;
  }
  void stop() override {
    held = false;
    listener = nullptr;
    under_way.clear();
  }
  bool send(const can::Frame& frame, can::TxToken token) override {
    if (!listener || under_way.size() >= room) return false;
    under_way.push_back({frame, token});
    all.push_back(frame);
    return true;
  }
  void flush() override { ++flushes; }
  void hold() override { held = true; }
  void release() override { held = false; }

  // The oldest transmission is over.
  void complete(bool ok = true) {
    const can::TxToken token = under_way.front().token;
    under_way.pop_front();
    listener->on_sent(token, ok);
  }
  void go_bus_off() {
    can::BusListener& hearing = *listener;
    room = 0;
    held = false;
    while (!under_way.empty()) complete(false);
    listener = nullptr;
    hearing.on_bus_off();
  }

  Capabilities capable{.fd = true, .remote = true};
  bool usable = true;
  size_t room = SIZE_MAX;
  bool held = false;
  can::BusListener* listener = nullptr;
  std::deque<Sent> under_way;
  std::vector<can::Frame> all;
  int starts = 0;
  int flushes = 0;
};

}  // namespace stratos::test
