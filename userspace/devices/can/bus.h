// SPDX-License-Identifier: Apache-2.0
// The port through which the CAN model reaches a bus, whatever that is: a
// SocketCAN interface, the virtual bus of the helper, a controller on an island.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::can {

inline constexpr size_t kMaxPayload = 64;

struct Frame {
  uint32_t id = 0;  // 11 bits, or 29 if extended
  bool extended = false;
  bool remote = false;  // RTR: `length` is the DLC asked for, no payload
  bool fd = false;
  uint8_t length = 0;  // 0..8, or an FD length up to 64
  std::array<std::byte, kMaxPayload> payload{};

  friend bool operator==(const Frame&, const Frame&) = default;
};

// The name of a transmission under way, chosen by the sender of the frame.
using TxToken = uint32_t;

// What a bus tells its listener. Calls come from the thread that owns both; none of
// them comes from within a call to the bus. The listener may call the bus from
// within any of them.
class BusListener {
 public:
  // A frame was on the bus. The bus does not hear its own transmissions here.
  virtual void on_frame(const Frame& frame) = 0;
  // The transmission `token` is over: on the bus (true) or failed for good.
  virtual void on_sent(TxToken token, bool ok) = 0;
  // The controller went bus-off: every transmission under way has failed already,
  // by on_sent(). It stays silent until start() is called again.
  virtual void on_bus_off() = 0;

 protected:
  ~BusListener() = default;
};

// A bus. One listener per Bus object; several objects may share one medium.
class Bus {
 public:
  struct Capabilities {
    bool fd = false;
    bool remote = true;
  };
  virtual Capabilities capabilities() const = 0;

  // Joins the bus, also after bus-off; frames reach `listener` from now on. False if
  // the bus cannot be used now (the interface is down, say).
  virtual bool start(BusListener& listener) = 0;
  // Leaves the bus; allowed at any time. Transmissions under way are forgotten: no
  // on_sent() follows, and whether such a frame still goes out is unknown.
  virtual void stop() = 0;

  // Begins to send `frame`; on_sent(token) will follow, in the order of the calls.
  // False if the bus takes no more just now: try again after the next on_sent(). A
  // started bus always takes a frame when none of this listener is under way.
  virtual bool send(const Frame& frame, TxToken token) = 0;
  // End of a batch of send() calls: hand everything to the medium at once.
  virtual void flush() {}

  // The listener has no place for frames that would outlive this process. A bus with a place of its
  // own for them (the socket of an interface, the FIFO of a controller) leaves them there until
  // release() and then goes on in their order. One without such a place, or one where
  // others would have to wait for this listener any longer, goes on calling on_frame(), so
  // a listener has to count on frames all the same. A bus inside this process tells nobody
  // that a frame was sent while it waits for one that heard it. start(), stop() and bus-off end a
  // hold as well; what was held back is lost.
  virtual void hold() {}
  virtual void release() {}

 protected:
  ~Bus() = default;
};

}  // namespace stratos::can
