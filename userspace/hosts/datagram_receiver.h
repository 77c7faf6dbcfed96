// SPDX-License-Identifier: Apache-2.0
// Receives short datagrams, in order, with one request for any number of them:
// a multishot receive that takes its buffers from a pool in the kernel.

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

  // What the kernel dropped because the socket's buffer was full (SO_RXQ_OVFL).
  uint64_t kernel_drops() const;

 private:
  struct State;
  runtime::Loop& loop_;
  std::unique_ptr<State> state_;
};

}  // namespace stratos::hosts
