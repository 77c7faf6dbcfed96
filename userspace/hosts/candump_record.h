// SPDX-License-Identifier: Apache-2.0
// Records what is heard on a bus to a file, in the format of `candump -l`.
//
// A frame is formatted into a buffer and nothing else; io_uring writes the buffer
// while the next one fills. A disk that cannot keep up costs frames of the log, which
// are counted, and never delays the bus.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "devices/can/bus.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::hosts {

class CandumpRecorder final : private can::BusListener, private runtime::TurnHook {
 public:
  struct Options {
    std::string file{};        // appended to, created if need be
    std::string interface {};  // the name in the log
    size_t buffer_size = 1 << 18;
  };
  struct Counters {
    uint64_t recorded = 0;
    uint64_t lost = 0;          // frames: both buffers were full
    uint64_t write_errors = 0;  // each of which lost up to a buffer of the log
  };

  // Joins `bus` at once; `loop` and `bus` outlive the recorder. The error is one line.
  static std::expected<std::unique_ptr<CandumpRecorder>, std::string> open(runtime::Loop& loop,
                                                                           can::Bus& bus,
                                                                           Options options);
  // Writes what is left.
  ~CandumpRecorder();
  CandumpRecorder(const CandumpRecorder&) = delete;
  CandumpRecorder& operator=(const CandumpRecorder&) = delete;

  const Counters& counters() const { return counters_; }

 private:
  struct Write;

  CandumpRecorder(runtime::Loop& loop, can::Bus& bus, Options options, runtime::UniqueFd fd,
                  uint64_t file_size);

  void on_frame(const can::Frame& frame) override;
  void on_sent(can::TxToken, bool) override {}
  void on_bus_off() override;
  bool on_turn_end() override;

  runtime::Loop& loop_;
  can::Bus& bus_;
  const Options options_;
  runtime::Log log_;
  const std::chrono::nanoseconds wall_clock_;  // when the loop's clock was 0
  std::vector<char> filling_;                  // its capacity is fixed
  std::unique_ptr<Write> write_;
  Counters counters_;
};

}  // namespace stratos::hosts
