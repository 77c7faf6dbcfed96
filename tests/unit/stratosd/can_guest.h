// SPDX-License-Identifier: Apache-2.0
// A guest with a CAN device: a driver at the driver's seat of a hub in another process.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/fake_client.h"
#include "msg_driver.h"
#include "runtime/event_fd.h"
#include "runtime/mapping.h"

namespace stratos::test {

// Its frames carry a number, by which a test knows them again.
class CanGuest {
 public:
  // Takes the seat. Throws if the hub gives none.
  CanGuest(const std::string& driver_socket, size_t region_size);

  // From nothing to a started controller with receive buffers: device 0 of the link.
  bool come_up();

  // Queues frame `number`; false if there is no room just now.
  bool send(uint32_t number);
  // Adds a request that makes no sense.
  bool send_nonsense();
  // Serves the link and takes what came: results and frames.
  void poll();
  // Sleeps until the device side rings, but not longer than a moment.
  void sleep();

  // Results of send(), by the frame's number: 0 is VIRTIO_CAN_RESULT_OK.
  const std::map<uint32_t, uint8_t>& results() const { return results_; }
  // Numbers of the frames heard, in their order.
  const std::vector<uint32_t>& heard() const { return heard_; }

  MsgDriver& driver() { return *driver_; }
  DriverDevice& device() { return *device_; }

 private:
  struct Request {
    uint64_t message = 0;  // address, with the result byte behind the message
    uint32_t number = 0;
  };

  void receive_gift(size_t region_size);
  bool send_message(const std::vector<std::byte>& message, uint32_t number);
  void post_receive_buffer(uint64_t address);
  bool start_controller();
  void take_results();
  void take_frames();

  hub::FakeClient client_;
  runtime::Mapping memory_;
  std::optional<runtime::EventFd> peer_bell_;
  std::optional<runtime::EventFd> own_bell_;
  std::unique_ptr<MsgDriver> driver_;
  std::unique_ptr<DriverDevice> device_;
  std::vector<uint64_t> free_messages_;
  std::map<uint16_t, Request> requests_;  // by chain id
  std::map<uint16_t, uint64_t> buffers_;  // by chain id
  std::map<uint32_t, uint8_t> results_;
  std::vector<uint32_t> heard_;
};

}  // namespace stratos::test
