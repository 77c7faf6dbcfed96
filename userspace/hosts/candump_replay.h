// SPDX-License-Identifier: Apache-2.0
// Plays a candump log onto a bus, as canplayer does.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/can/bus.h"
#include "runtime/loop.h"
#include "runtime/timer.h"

namespace stratos::hosts {

class CandumpReplay final : private can::BusListener {
 public:
  struct Options {
    std::string file{};
    std::string interface {};        // play only what this one recorded; empty: everything
    bool original_timing = true;     // else as fast as the bus takes it
    uint32_t rounds = 1;             // 0: for ever
    std::function<void()> on_end{};  // the last frame is over, or the bus is gone
  };
  struct Counters {
    uint64_t played = 0;
    uint64_t failed = 0;
    uint64_t skipped = 0;  // error reports, other interfaces, what the bus cannot carry
    uint64_t rounds = 0;
  };

  // Reads and checks the whole log, so that an error shows before the first frame:
  // "file:line: what is wrong". `loop` and `bus` outlive the replay.
  static std::expected<std::unique_ptr<CandumpReplay>, std::string> open(runtime::Loop& loop,
                                                                         can::Bus& bus,
                                                                         Options options);
  ~CandumpReplay();
  CandumpReplay(const CandumpReplay&) = delete;
  CandumpReplay& operator=(const CandumpReplay&) = delete;

  // Begins with the first frame, now. False if the bus cannot be used now.
  bool start();
  void stop();
  bool running() const { return running_; }
  size_t size() const { return frames_.size(); }
  const Counters& counters() const { return counters_; }

 private:
  struct Timed {
    std::chrono::nanoseconds at{};  // since the first frame
    can::Frame frame;
  };

  CandumpReplay(runtime::Loop& loop, can::Bus& bus, Options options);
  std::expected<void, std::string> load();

  void on_frame(const can::Frame&) override {}
  void on_sent(can::TxToken token, bool ok) override;
  void on_bus_off() override { end(); }
  void play();
  bool next_round();
  void end();

  runtime::Loop& loop_;
  can::Bus& bus_;
  const Options options_;
  runtime::Timer timer_;
  std::vector<Timed> frames_;
  bool running_ = false;
  uint64_t began_ = 0;      // of this round, monotonic nanoseconds
  size_t next_ = 0;         // to send
  uint64_t under_way_ = 0;  // on the bus
  Counters counters_;
};

}  // namespace stratos::hosts
