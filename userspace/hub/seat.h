// SPDX-License-Identifier: Apache-2.0
// One side of a link: a listening socket, the bells that ring here, and the one
// client that sits here, if any. The client is kept over a restart of the hub.

#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "hub/kept_link.h"
#include "runtime/event_fd.h"
#include "runtime/fd_watch.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/socket_claim.h"
#include "runtime/unique_fd.h"

namespace stratos::hub {

class Seat {
 public:
  // What a client of this seat is given besides its own bells. Outlives the seat.
  struct Gift {
    int memory = -1;
    const Seat* other = nullptr;
  };

  // Whoever sits here according to `parts` stays.
  Seat(runtime::Loop& loop, SeatName name, runtime::SocketClaim claim, uint16_t peer,
       SeatParts parts);
  ~Seat();

  // Takes clients from now on.
  std::expected<void, std::string> open(const Gift& gift, uid_t owner, gid_t group, mode_t mode);

  bool taken() const { return client_.valid(); }
  uint16_t peer() const { return peer_; }
  const std::vector<runtime::EventFd>& bells() const { return bells_; }

 private:
  void on_connections();
  void receive(runtime::UniqueFd client);
  bool send_gift(int client);
  void watch_client();
  void check_client();
  bool client_is_there();
  void free_seat();

  runtime::Loop& loop_;
  SeatName name_;
  runtime::Log log_;
  runtime::SocketClaim claim_;
  uint16_t peer_;
  Gift gift_;
  std::vector<runtime::EventFd> bells_;
  runtime::UniqueFd listener_;
  std::unique_ptr<runtime::FdWatch> listener_watch_;
  runtime::UniqueFd client_;
  std::unique_ptr<runtime::FdWatch> client_watch_;
};

}  // namespace stratos::hub
