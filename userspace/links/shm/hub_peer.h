// SPDX-License-Identifier: Apache-2.0
// The device side's way to a link that a stratos-hub on this machine keeps.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "links/shm/attachment.h"
#include "runtime/fd_watch.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "runtime/unique_fd.h"

namespace stratos::links {

// Connects to a seat and hands over what it gets there; tries again for as long as it
// lives: while there is no hub, while somebody else has the seat, and after the hub
// went away. Holding the connection is what holds the seat.
class HubPeer {
 public:
  // Calls come from the loop, never from within the constructor, and must not destroy
  // the HubPeer.
  struct Listener {
    // The seat is ours. Called again after the hub went away and another one came:
    // with new memory then, and that is where new guests come to.
    std::function<void(std::unique_ptr<Attachment>)> on_attached;
    // The hub went away. What it gave stays usable: a guest does not notice.
    std::function<void()> on_hub_lost = [] {};
  };
  struct Timing {
    std::chrono::milliseconds retry{1000};
    // A hub that says nothing for so long is given up.
    std::chrono::milliseconds patience{5000};
  };

  // `device_socket` is the path of the hub's device socket. Never blocks.
  HubPeer(runtime::Loop& loop, std::string device_socket, Listener listener, const Timing& timing);
  HubPeer(runtime::Loop& loop, std::string device_socket, Listener listener)
      : HubPeer(loop, std::move(device_socket), std::move(listener), Timing{}) {}
  ~HubPeer();
  HubPeer(const HubPeer&) = delete;
  HubPeer& operator=(const HubPeer&) = delete;

  // The hub is there and the seat is ours.
  bool seated() const { return seated_; }

 private:
  class Burst;

  void connect();
  void on_readable();
  void take_seat();
  void on_closed(const std::string& why);
  void complain(const std::string& why);
  void disconnect();

  runtime::Loop& loop_;
  std::string path_;
  Listener listener_;
  Timing timing_;
  runtime::Log log_;
  runtime::Timer timer_;  // the next attempt, or the end of patience
  runtime::UniqueFd socket_;
  std::unique_ptr<runtime::FdWatch> watch_;
  std::unique_ptr<Burst> burst_;
  bool seated_ = false;
  ino_t memory_ = 0;  // what was handed over last
  std::string last_complaint_;
};

}  // namespace stratos::links
