// SPDX-License-Identifier: Apache-2.0
// A CAN_RAW socket on one interface of the host.

#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

namespace stratos::hosts {

// What the adapter needs of a socket; a test brings one of another family.
class CanSocket {
 public:
  virtual ~CanSocket() = default;

  virtual int fd() const = 0;
  // Whether FD frames may be sent and are received.
  virtual bool fd_frames() const = 0;
  // Whether the interface is up, and its controller not bus-off.
  virtual bool up() const = 0;
  // Whether frames of others are received. A new socket is deaf.
  virtual void listen(bool on) = 0;
};

enum class FdFrames : uint8_t {
  kIfPossible,  // as the interface is configured
  kOff,
  kRequired,
};

struct CanSocketOptions {
  std::string interface {};
  FdFrames fd = FdFrames::kIfPossible;
  bool echo = true;  // hear one's own frames, marked, once they were on the bus
};

// The error is one line that says what to do.
std::expected<std::unique_ptr<CanSocket>, std::string> open_can_socket(
    const CanSocketOptions& options);

}  // namespace stratos::hosts
