// SPDX-License-Identifier: Apache-2.0
// The port through which the RPMB relay reaches a chip that executes requests itself.

#pragma once

#include <cstddef>
#include <span>

namespace stratos::rpmb {

// Frames of one exchange, all parts together: no descriptor chain carries more.
inline constexpr size_t kMaxExchangeFrames = 128;

// What a chip does for one request, in this order. Each part is whole frames, or empty.
struct Exchange {
  std::span<const std::byte> write{};  // a key or a data write, which is executed
  std::span<const std::byte> ask{};    // one frame: what the response shall be
  std::span<std::byte> response{};     // how much of it is read; none without `ask`
};

// Calls come from the thread that owns both, and never from within a call to the port.
class FramePortListener {
 public:
  // The exchange is over. Whatever the chip thinks of it, `ok` says that the chip was
  // there, and the response is what it said; otherwise nobody knows what it did.
  virtual void on_exchanged(bool ok) = 0;

 protected:
  ~FramePortListener() = default;
};

// A chip for one device. One exchange at a time: the next begins after the last is over,
// whatever became of the guest in between. The memory that an exchange names stays the
// port's until then.
class FramePort {
 public:
  // Who hears of exchanges. Called once, before the first one.
  virtual void listen(FramePortListener& listener) = 0;
  virtual void begin(const Exchange& exchange) = 0;

 protected:
  ~FramePort() = default;
};

}  // namespace stratos::rpmb
