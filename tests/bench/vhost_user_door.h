// SPDX-License-Identifier: Apache-2.0
// The front-end of a vhost-user back-end, ours or a stranger's.

#pragma once

#include <string>

#include "door.h"
#include "vhost_user_front.h"

namespace stratos::bench {

class VhostUserDoor final : public Door {
 public:
  struct Options {
    bool packed = false;
    uint16_t queues = 1;
    uint16_t queue_size = 0;
  };
  // Waits until somebody listens at `socket` and sets the device up, with EVENT_IDX where it is on
  // offer. Throws std::runtime_error, also if the back-end has no packed rings and they are asked
  // for.
  VhostUserDoor(const std::string& socket, const Options& options);

  test::DriverMemory& memory() override { return front_.memory(); }
  test::DriverQueue& queue(uint16_t index) override { return front_.queue(index); }
  void kick(uint16_t index) override {
    if (front_.kick_if_needed(index)) ++rings_;
  }
  void sleep(uint16_t index) override;

 private:
  test::VhostUserFront front_;
};

}  // namespace stratos::bench
