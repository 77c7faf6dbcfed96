// SPDX-License-Identifier: Apache-2.0

#include "virtio/link_machine.h"

#include <algorithm>

namespace stratos::virtio {

void LinkMachine::attach(MsgEndpoint& endpoint, Time heartbeat_period, Time dead_time) {
  endpoint_ = &endpoint;
  heartbeat_period_ = heartbeat_period;
  dead_time_ = dead_time;
  seen_ = {};
}

void LinkMachine::begin(Time now) {
  next_beat_ = now;
  endpoint_->new_epoch();
  endpoint_->set_status(LinkStatus::kInit);
}

void LinkMachine::resume(Time now) {
  next_beat_ = now;
  watch_from(now);
}

void LinkMachine::leave() { endpoint_->set_status(LinkStatus::kShutdown); }

LinkChange LinkMachine::restart(LinkChange why) {
  // The status first: should this process die in between, its successor begins anew.
  endpoint_->set_status(LinkStatus::kInit);
  endpoint_->new_epoch();
  return why;
}

void LinkMachine::watch_from(Time now) {
  peer_heartbeat_ = endpoint_->peer_heartbeat();
  last_life_ = now;
}

bool LinkMachine::peer_silent(Time now) {
  if (const uint32_t beat = endpoint_->peer_heartbeat(); beat != peer_heartbeat_) {
    peer_heartbeat_ = beat;
    last_life_ = now;
  }
  return now - last_life_ >= dead_time_;
}

LinkChange LinkMachine::step(Time now) {
  if (endpoint_->status() == LinkStatus::kShutdown) return LinkChange::kNothing;
  if (now >= next_beat_) {
    endpoint_->beat();
    next_beat_ = now + heartbeat_period_;
  }
  const PeerView peer = seen_ = endpoint_->peer();
  if (!peer.present && endpoint_->status() != LinkStatus::kRun) return LinkChange::kNothing;
  switch (endpoint_->status()) {
    case LinkStatus::kInit:
      if (peer.status != LinkStatus::kInit && peer.status != LinkStatus::kReady) break;
      endpoint_->zero_queues();
      endpoint_->set_status(LinkStatus::kReady);
      return LinkChange::kReady;
    case LinkStatus::kReady:
      if (peer.status != LinkStatus::kReady && peer.status != LinkStatus::kRun) break;
      endpoint_->bind_peer(peer.epoch);
      endpoint_->set_status(LinkStatus::kRun);
      watch_from(now);
      return LinkChange::kRunning;
    case LinkStatus::kRun:
      return step_run(peer, now);
    case LinkStatus::kPeerDead: {
      // A standard peer shows its return by its status alone.
      const bool back = peer_extended() ? endpoint_->peer_heartbeat() != peer_heartbeat_
                                        : peer.status == LinkStatus::kInit;
      if (!back && peer.epoch == endpoint_->peer_epoch()) break;
      return restart(LinkChange::kPeerBack);
    }
    case LinkStatus::kShutdown:
      break;
  }
  return LinkChange::kNothing;
}

LinkChange LinkMachine::step_run(const PeerView& peer, Time now) {
  if (peer.present) {
    if (peer.status == LinkStatus::kInit || peer.epoch != endpoint_->peer_epoch()) {
      return restart(LinkChange::kPeerRestarted);
    }
    if (peer.status == LinkStatus::kShutdown) {
      peer_heartbeat_ = endpoint_->peer_heartbeat();
      endpoint_->set_status(LinkStatus::kPeerDead);
      return LinkChange::kPeerShutdown;
    }
  }
  if (!peer_extended() || !peer_silent(now) || peer.debugged) return LinkChange::kNothing;
  endpoint_->set_status(LinkStatus::kPeerDead);
  return LinkChange::kPeerDead;
}

bool LinkMachine::peer_moved() const {
  return endpoint_->status() != LinkStatus::kShutdown && endpoint_->peer() != seen_;
}

Time LinkMachine::next_deadline() const {
  if (endpoint_->status() != LinkStatus::kRun || !peer_extended()) return next_beat_;
  return std::min(next_beat_, last_life_ + dead_time_);
}

}  // namespace stratos::virtio
