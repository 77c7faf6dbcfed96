// SPDX-License-Identifier: Apache-2.0
// A client of the hub as QEMU is one: connects and takes what it is given.

#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "ivshmem/protocol.h"

namespace stratos::hub {

class FakeClient {
 public:
  explicit FakeClient(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    connected_ =
        connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  bool connected() const { return connected_; }
  // Takes what is there; true once the server closed the connection.
  bool closed() {
    pump();
    return closed_;
  }
  const std::vector<ivshmem::Message>& messages() {
    pump();
    return messages_;
  }
  int socket() const { return socket_.get(); }

  // Waits for the whole of the hub's gift, for a hub in another process.
  bool wait_for(size_t count) {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    while (messages().size() < count && !closed_) {
      if (poll(&waiting, 1, 5000) <= 0) return false;
    }
    return messages_.size() >= count;
  }
  bool wait_until_closed() {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    while (!closed()) {
      if (poll(&waiting, 1, 5000) <= 0) return false;
    }
    return true;
  }

 private:
  void pump() {
    while (!closed_) {
      auto message = reader_.read(socket_.get());
      if (!message) {
        closed_ = true;
      } else if (message->has_value()) {
        messages_.push_back(std::move(**message));
      } else {
        return;
      }
    }
  }

  runtime::UniqueFd socket_;
  ivshmem::MessageReader reader_;
  std::vector<ivshmem::Message> messages_;
  bool connected_ = false;
  bool closed_ = false;
};

}  // namespace stratos::hub
