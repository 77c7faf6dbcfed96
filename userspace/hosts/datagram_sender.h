// SPDX-License-Identifier: Apache-2.0
// Sends datagrams in batches, strictly in order: a batch is a chain of linked
// requests, so the first one that the kernel refuses takes those behind it along.

#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "runtime/loop.h"

namespace stratos::hosts {

class DatagramSender {
 public:
  static constexpr size_t kMaxBatch = 16;
  static constexpr size_t kMaxDatagram = 72;  // CANFD_MTU

  struct Result {
    size_t accepted = 0;
    int error = 0;  // positive errno of the datagram behind those accepted, or 0
  };

  // `on_batch` is called once per batch; it may begin the next one. `fd` and `loop`
  // outlive the sender.
  DatagramSender(runtime::Loop& loop, int fd, std::function<void(Result)> on_batch);
  ~DatagramSender();
  DatagramSender(const DatagramSender&) = delete;
  DatagramSender& operator=(const DatagramSender&) = delete;

  // A batch is under way: add nothing.
  bool busy() const { return waiting_ > 0; }
  // Adds a datagram to the next batch, at most kMaxBatch; it is copied.
  void add(std::span<const std::byte> datagram);
  // Sends what was added, if anything.
  void submit();

 private:
  struct Send;
  void completed();

  runtime::Loop& loop_;
  const int fd_;
  const std::function<void(Result)> on_batch_;
  std::array<std::unique_ptr<Send>, kMaxBatch> sends_;
  size_t count_ = 0;    // in the batch
  size_t waiting_ = 0;  // of these, not completed
};

}  // namespace stratos::hosts
