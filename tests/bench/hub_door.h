// SPDX-License-Identifier: Apache-2.0
// The driver seat of a hub: device 0 of whoever serves the other one.

#pragma once

#include <memory>
#include <string>

#include "door.h"
#include "msg_driver.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"

namespace stratos::bench {

class HubDoor final : public Door {
 public:
  struct Options {
    bool packed = false;
    uint16_t queue_size = 0;
  };
  // Waits until the device side is there and sets device 0 up, with EVENT_IDX. Throws
  // std::runtime_error if that takes more than a few seconds.
  HubDoor(const std::string& driver_socket, const Options& options);

  test::DriverMemory& memory() override { return *device_->memory; }
  test::DriverQueue& queue(uint16_t index) override { return *device_->queues[index]; }
  void kick(uint16_t index) override;
  void sleep(uint16_t index) override;
  void tend() override { driver_->poll(); }  // the heartbeat

 private:
  void take_seat(const std::string& driver_socket);
  // False if nobody rang in time.
  bool wait_for_bell(int timeout_ms);

  runtime::UniqueFd socket_;
  runtime::UniqueFd my_bell_;
  runtime::UniqueFd their_bell_;
  runtime::Mapping region_;
  std::unique_ptr<test::MsgDriver> driver_;
  std::unique_ptr<test::DriverDevice> device_;
};

}  // namespace stratos::bench
