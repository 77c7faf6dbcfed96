// SPDX-License-Identifier: Apache-2.0
// A client of the hub as QEMU is one: connects and takes what it is given.

#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "ivshmem/protocol.h"
#include "runtime/event_fd.h"
#include "runtime/mapping.h"

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

// The bell of `peer` and `vector` as `client` was given it.
inline runtime::EventFd bell(FakeClient& client, int64_t peer, size_t vector = 0) {
  for (const ivshmem::Message& message : client.messages()) {
    if (message.value != peer || !message.fd.valid() || vector-- != 0) continue;
    auto adopted = runtime::EventFd::adopt(runtime::UniqueFd(dup(message.fd.get())));
    if (adopted) return std::move(*adopted);
  }
  ADD_FAILURE() << "no bell of peer " << peer;
  return std::move(*runtime::EventFd::create());
}

// All of the memory that it was given.
inline runtime::Mapping map(FakeClient& client) {
  struct stat status {};
  const int memory = client.messages().at(2).fd.get();
  EXPECT_EQ(fstat(memory, &status), 0);
  auto mapping = runtime::Mapping::map(memory, static_cast<size_t>(status.st_size));
  EXPECT_TRUE(mapping.has_value());
  return mapping ? std::move(*mapping) : runtime::Mapping();
}

}  // namespace stratos::hub
