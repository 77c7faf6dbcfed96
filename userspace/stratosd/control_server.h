// SPDX-License-Identifier: Apache-2.0
// Answers requests on the control socket, in the loop that serves the guests.
//
// Nothing here can hold that loop up: descriptors are non-blocking, requests and the
// number of clients are bounded, and a client that does not read its reply, or does
// not finish its request, is dropped.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "control/control_protocol.h"
#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "runtime/unique_fd.h"

namespace stratos::daemon {

class ControlServer {
 public:
  using Answer = std::function<nlohmann::ordered_json(control::ControlOp)>;

  struct Limits {
    size_t clients = 16;
    // A client that makes no progress for so long is dropped.
    std::chrono::milliseconds patience{10'000};
  };

  // `listener` is a listening, non-blocking socket.
  ControlServer(runtime::Loop& loop, runtime::UniqueFd listener, Limits limits, Answer answer);
  ~ControlServer();

  size_t clients() const { return clients_.size(); }
  uint64_t dropped() const { return dropped_; }

 private:
  class Client;

  void accept_all();
  void serve(Client& client, int32_t result);
  void drop_idle();

  runtime::Loop& loop_;
  runtime::UniqueFd listener_;
  Limits limits_;
  Answer answer_;
  std::list<std::unique_ptr<Client>> clients_;
  uint64_t dropped_ = 0;
  runtime::Timer patience_;
  runtime::FdWatch watch_;
};

}  // namespace stratos::daemon
