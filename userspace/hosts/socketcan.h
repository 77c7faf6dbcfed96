// SPDX-License-Identifier: Apache-2.0
// An interface of the host (a controller, vcan, vxcan) as a CAN bus.
//
// A frame counts as sent when its echo came back, which for a controller is after it
// was acknowledged on the wire; see confirmed_queue.h. Frames go out strictly in
// order, also when the interface's queue is full for a while.
//
// While the listener holds the bus, frames wait in the socket. What does not fit there is
// lost and counted, rx_kernel_drops(). Echoes may then wait behind frames, so that none
// counts as overdue meanwhile.
//
// An interface that goes down or bus-off looks like bus-off to a guest. Restarting the
// controller is the host's business (`ip link set can0 type can restart-ms 100`); the
// guest's START succeeds as soon as the interface is up again.

#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "devices/can/bus.h"
#include "hosts/can_socket.h"
#include "hosts/confirmed_queue.h"
#include "hosts/datagram_receiver.h"
#include "hosts/datagram_sender.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/timer.h"

namespace stratos::hosts {

class Socketcan final : public can::Bus {
 public:
  struct Options {
    std::string interface {};
    FdFrames fd = FdFrames::kIfPossible;
    bool bit_rate_switch = false;  // send the payload of FD frames at the data bit rate
    // Wait for the echo of each frame. Without, a frame counts as sent once the kernel
    // has queued it.
    bool echo = true;
    std::chrono::milliseconds echo_patience{1000};  // see ConfirmedQueue::Options
    size_t tx_depth = 128;                          // frames that send() takes before it says no
  };
  struct Counters {
    uint64_t tx = 0;
    uint64_t tx_failed = 0;
    uint64_t tx_waits = 0;  // the interface's queue was full
    uint64_t rx = 0;
    uint64_t rx_ignored = 0;  // neither a frame nor an error that we know
    uint64_t bus_offs = 0;
    uint64_t downs = 0;
  };

  // Opens the interface. The error is one line that says what to do. `loop` outlives it.
  static std::expected<std::unique_ptr<Socketcan>, std::string> open(runtime::Loop& loop,
                                                                     const Options& options);
  Socketcan(runtime::Loop& loop, const Options& options, std::unique_ptr<CanSocket> socket);
  ~Socketcan();
  Socketcan(const Socketcan&) = delete;
  Socketcan& operator=(const Socketcan&) = delete;

  Capabilities capabilities() const override;
  bool start(can::BusListener& listener) override;
  void stop() override;
  bool send(const can::Frame& frame, can::TxToken token) override;
  void flush() override;
  void hold() override;
  void release() override;

  const Counters& counters() const { return counters_; }
  const ConfirmedQueue::Counters& echo_counters() const { return queue_.counters(); }
  // Frames that the kernel dropped because we were too slow.
  uint64_t rx_kernel_drops() const { return receiver_.kernel_drops(); }

 private:
  void on_datagram(const Datagram& datagram);
  void on_socket_error(int error);
  void on_batch(DatagramSender::Result result);
  void report();
  void watch_echoes();
  void become_deaf();
  void interface_down(int error);
  void bus_off();

  runtime::Loop& loop_;
  const Options options_;
  runtime::Log log_;
  std::unique_ptr<CanSocket> socket_;
  ConfirmedQueue queue_;
  can::BusListener* listener_ = nullptr;  // set while started
  bool accepting_ = false;                // started and not on the way to bus-off
  bool held_ = false;
  runtime::Timer retry_;
  runtime::Timer echo_timer_;
  DatagramSender sender_;
  DatagramReceiver receiver_;
  Counters counters_;
};

}  // namespace stratos::hosts
