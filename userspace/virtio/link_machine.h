// SPDX-License-Identifier: Apache-2.0
// The states of a link (Documentation/transport.rst, "Link states"), the heartbeat and
// the death of the peer. The rules are the same for both sides.

#pragma once

#include <cstdint>

#include "virtio/device.h"
#include "virtio/msg_endpoint.h"

namespace stratos::virtio {

// What step() did. Everything but kNothing is to be followed by a ring.
enum class LinkChange : uint8_t {
  kNothing,
  kReady,
  kRunning,
  kPeerRestarted,  // INIT: everything that was set up is void
  kPeerShutdown,   // PEER_DEAD
  kPeerDead,       // PEER_DEAD
  kPeerBack,       // PEER_DEAD to INIT
};

class LinkMachine {
 public:
  // `endpoint` outlives this.
  void attach(MsgEndpoint& endpoint, Time heartbeat_period, Time dead_time);

  // INIT with a new epoch.
  void begin(Time now);
  // Goes on in RUN with the epoch that the endpoint loaded.
  void resume(Time now);
  // SHUTDOWN; step() changes nothing from here on.
  void leave();

  // At most one change per call: repeat until kNothing. Also beats, if it is time.
  LinkChange step(Time now);
  // Whether the peer did something that step() has not seen yet.
  bool peer_moved() const;
  // When step() has to be called even if nothing happens.
  Time next_deadline() const;
  // False for a peer without the Stratos part: it is always rung and never dead.
  bool peer_extended() const { return endpoint_->peer_epoch() != 0; }

 private:
  LinkChange restart(LinkChange why);
  LinkChange step_run(const PeerView& peer, Time now);
  bool peer_silent(Time now);
  void watch_from(Time now);

  MsgEndpoint* endpoint_ = nullptr;
  Time heartbeat_period_ = 0;
  Time dead_time_ = 0;
  Time next_beat_ = 0;
  Time last_life_ = 0;           // when the peer's heartbeat moved last
  uint32_t peer_heartbeat_ = 0;  // its value then
  PeerView seen_;
};

}  // namespace stratos::virtio
