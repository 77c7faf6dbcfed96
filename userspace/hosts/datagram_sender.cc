// SPDX-License-Identifier: Apache-2.0
#include "hosts/datagram_sender.h"

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace stratos::hosts {

struct DatagramSender::Send final : runtime::OwnedOperation {
  explicit Send(DatagramSender& sender) : owner(sender) {}
  void on_complete(int32_t completion, uint32_t /*flags*/) override {
    result = completion;
    owner.completed();
  }
  DatagramSender& owner;
  std::array<std::byte, kMaxDatagram> bytes{};
  size_t size = 0;
  int32_t result = 0;
};

DatagramSender::DatagramSender(runtime::Loop& loop, int fd, std::function<void(Result)> on_batch)
    : loop_(loop), fd_(fd), on_batch_(std::move(on_batch)) {
  for (auto& send : sends_) send = std::make_unique<Send>(*this);
}

DatagramSender::~DatagramSender() {
  for (auto& send : sends_) loop_.retire(std::move(send));
}

void DatagramSender::add(std::span<const std::byte> datagram) {
  Send& send = *sends_[count_++];
  send.size = std::min(datagram.size(), kMaxDatagram);
  std::copy_n(datagram.begin(), send.size, send.bytes.begin());
}

void DatagramSender::submit() {
  // A chain that reached the kernel in two parts would be two chains.
  loop_.reserve(static_cast<uint32_t>(count_));
  for (size_t i = 0; i < count_; ++i) {
    Send& send = *sends_[i];
    io_uring_sqe* entry = loop_.prepare(send);
    io_uring_prep_send(entry, fd_, send.bytes.data(), send.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (i + 1 < count_) entry->flags |= IOSQE_IO_LINK;
  }
  waiting_ = count_;
}

void DatagramSender::completed() {
  if (--waiting_ > 0) return;
  Result result;
  while (result.accepted < count_ && sends_[result.accepted]->result >= 0) ++result.accepted;
  if (result.accepted < count_) result.error = -sends_[result.accepted]->result;
  count_ = 0;
  on_batch_(result);
}

}  // namespace stratos::hosts
