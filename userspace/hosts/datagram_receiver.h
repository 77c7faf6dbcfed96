// SPDX-License-Identifier: Apache-2.0
// Receives short datagrams, in order, with one request for any number of them:
// a multishot receive that takes its buffers from a pool in the kernel.
//
// Whoever cannot take them says hold(). What the request still receives is kept in its
// buffers; without buffers the request ends, and the socket is the queue.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "runtime/loop.h"

namespace stratos::hosts {

struct Datagram {
  std::span<const std::byte> bytes;
  bool confirm = false;  // MSG_CONFIRM: the echo of something sent on this very socket
};

class DatagramReceiver {
 public:
  struct Events {
    std::function<void(const Datagram&)> on_datagram;
    // The socket reported an error (positive errno). Receiving goes on.
    std::function<void(int)> on_error;
  };

  static constexpr size_t kMaxDatagram = 72;  // CANFD_MTU

  // Begins at once. `fd` and `loop` outlive the receiver. No event destroys it.
  DatagramReceiver(runtime::Loop& loop, int fd, Events events);
  ~DatagramReceiver();
  DatagramReceiver(const DatagramReceiver&) = delete;
  DatagramReceiver& operator=(const DatagramReceiver&) = delete;

  // From now on datagrams of others are kept here, and once there is no more room for
  // them, in the socket. Confirmations are reported for as long as there is room.
  void hold();
  // A later turn of the loop reports what was kept, in order, and goes on.
  void resume();
  // Ends a hold, and drops what was received so far but not reported, also in the socket;
  // only confirmations are reported, by this very call or later.
  void discard();

  // What the kernel dropped because the socket's buffer was full (SO_RXQ_OVFL).
  uint64_t kernel_drops() const;

 private:
  struct State;
  runtime::Loop& loop_;
  std::unique_ptr<State> state_;
};

}  // namespace stratos::hosts
