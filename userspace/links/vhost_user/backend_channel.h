// SPDX-License-Identifier: Apache-2.0
// What the back-end tells the front-end of its own accord, over a socket of its own.

#pragma once

#include <cstdint>

#include "links/vhost_user/messages.h"
#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::links::vhost_user {

// News that the socket does not take at once waits for it, each kind and queue once: the
// front-end asks anyway what it means.
class BackendChannel {
 public:
  BackendChannel(runtime::Loop& loop, runtime::UniqueFd socket);

  void config_changed();
  // In-band notifications.
  void call(uint16_t queue);
  void signal_error(uint16_t queue);

 private:
  void flush();
  bool send(BackendRequest request, Payload payload);
  bool send_queues(BackendRequest request, uint32_t& queues);

  runtime::UniqueFd socket_;
  bool config_ = false;
  uint32_t calls_ = 0;  // sets of queues
  uint32_t errors_ = 0;
  runtime::FdWatch watch_;
};

}  // namespace stratos::links::vhost_user
