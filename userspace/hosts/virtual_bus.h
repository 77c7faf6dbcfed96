// SPDX-License-Identifier: Apache-2.0
// A CAN bus inside the helper: it joins guests to each other, to a log being played
// or recorded, and, by a bridge, to an interface of the host.
//
// Frames that are pending at the same moment go in the order of CAN arbitration, one
// at a time; each port is a controller with a transmit FIFO, so that its own frames keep
// their order. Every started port except the sender hears each frame. As on a vcan
// interface a frame needs no listener to succeed.
//
// A listener that holds its port overloads the bus: no frame begins until it releases it, or
// for at most Options::overload, after which the bus goes on without regard to that port until
// it was released once. So a guest that is slow loses nothing, and one that is stuck slows the
// others down for that long and no longer.
//
// Nothing is delivered from within send(): pump() delivers. A sender hears of its frame
// one pump() after the others heard it, so that links which publish in between never
// acknowledge a frame that a crash could still take from its receivers. One thread
// owns the bus, its ports and their listeners.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/can/bus.h"
#include "hosts/can_timing.h"

namespace stratos::hosts {

class VirtualBus {
 public:
  static constexpr uint32_t kBudget = 256;
  struct Options {
    bool fd = true;
    BitRate rate{};
    size_t tx_depth = 64;  // frames that a port takes before send() says no
    std::chrono::nanoseconds overload{0};
  };
  struct PortCounters {
    uint64_t sent = 0;
    uint64_t failed = 0;
    uint64_t heard = 0;
    uint64_t lost = 0;  // by lose_next()
    uint64_t bus_offs = 0;
    uint64_t overloads = 0;
  };

  class Port final : public can::Bus {
   public:
    Port(VirtualBus& bus, std::string name);

    Capabilities capabilities() const override;
    bool start(can::BusListener& listener) override;
    void stop() override;
    bool send(const can::Frame& frame, can::TxToken token) override;
    void hold() override;
    void release() override { overload_end_.reset(); }

    // Faults, as a wire or an operator brings them about; they happen in pump().
    void force_bus_off() { bus_off_wanted_ = true; }
    // The next frames sent from here fail.
    void fail_next(uint32_t count) { to_fail_ = count; }
    // The next frames of others are not heard here.
    void lose_next(uint32_t count) { to_lose_ = count; }

    const std::string& name() const { return name_; }
    const PortCounters& counters() const { return counters_; }

   private:
    friend class VirtualBus;
    struct Pending {
      can::Frame frame;
      can::TxToken token = 0;
      uint64_t key = 0;       // arbitration_key()
      uint64_t sequence = 0;  // of all frames of the bus, by send()
    };

    const Pending& front() const { return pending_[head_]; }
    can::TxToken pop();
    void hear(const can::Frame& frame);
    void go_bus_off();

    VirtualBus& bus_;
    const std::string name_;
    can::BusListener* listener_ = nullptr;  // set while started
    uint32_t session_ = 0;                  // counts start() and stop()
    std::vector<Pending> pending_;          // a ring
    size_t head_ = 0;
    size_t count_ = 0;
    std::optional<uint64_t> overload_end_;  // set while held; may be over
    bool bus_off_wanted_ = false;
    uint32_t to_fail_ = 0;
    uint32_t to_lose_ = 0;
    PortCounters counters_;
  };

  explicit VirtualBus(const Options& options);
  VirtualBus(const VirtualBus&) = delete;
  VirtualBus& operator=(const VirtualBus&) = delete;

  // The port lives as long as the bus.
  Port& add_port(std::string name);

  // Delivers up to `budget` frames that are due at `now` (monotonic, nanoseconds).
  // True if something happened: listeners may have more to say, so call again soon.
  bool pump(uint64_t now, uint32_t budget = kBudget);
  // Whether pump() has something to do without waiting.
  bool ready() const;
  // When the frame on the wire, or the overload that the next one waits for, is over.
  std::optional<uint64_t> deadline() const;

  uint64_t frames() const { return frames_; }

 private:
  // The frame on the wire. It goes on if its sender stops meanwhile.
  struct Wire {
    Port* sender = nullptr;  // nullptr: the bus is idle
    uint32_t session = 0;
    can::Frame frame;
    uint64_t end = 0;
  };

  // What became of a frame whose sender was not told yet.
  struct Report {
    Port* sender = nullptr;
    uint32_t session = 0;
    can::TxToken token = 0;
    bool ok = false;
  };

  bool deliver_reports();
  bool force_bus_offs();
  std::optional<uint64_t> overload_end() const;
  Port* winner(uint64_t below) const;
  bool arbitrate();
  void finish();

  const Options options_;
  std::vector<std::unique_ptr<Port>> ports_;
  Wire wire_;
  std::vector<Report> reports_;     // for the next pump()
  std::vector<Report> delivering_;  // by this pump()
  uint64_t now_ = 0;
  uint64_t idle_since_ = 0;  // when the last frame was over
  bool overloaded_ = false;  // an overload has come after it
  uint64_t next_sequence_ = 1;
  uint64_t first_new_ = 0;  // frames from here on came after the last pump()
  size_t waiting_ = 0;      // in all ports, the one on the wire included
  uint64_t frames_ = 0;
};

}  // namespace stratos::hosts
