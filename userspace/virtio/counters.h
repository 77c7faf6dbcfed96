// SPDX-License-Identifier: Apache-2.0
// What a link counts. Everything counts up from zero since attach() or
// add_device() and wraps; one thread writes, and reads.

#pragma once

#include <cstdint>

namespace stratos::virtio {

struct QueueCounters {
  uint32_t kicks = 0;                     // notifications of the driver
  uint32_t chains = 0;                    // requests taken
  uint32_t used = 0;                      // requests given back
  uint32_t notifications_sent = 0;        // the driver was told of used chains
  uint32_t notifications_suppressed = 0;  // the driver had asked not to be told
};

struct DeviceCounters {
  uint32_t starts = 0;
  uint32_t resets = 0;
  uint32_t needs_reset = 0;  // times the driver broke the device
  uint32_t malformed = 0;    // messages and writes that broke a rule
};

struct LinkCounters {
  uint32_t messages_received = 0;
  uint32_t messages_sent = 0;
  uint32_t messages_malformed = 0;      // dropped: bad size, id, device, direction or index
  uint32_t send_stalls = 0;             // the driver did not make room for a message
  uint32_t notifications_received = 0;  // bits
  uint32_t notifications_bogus = 0;     // bits that belong to no device
  uint32_t rings = 0;                   // doorbell of the driver rung
  uint32_t rings_saved = 0;             // not rung: the driver was awake
  uint32_t peer_restarts = 0;
  uint32_t peer_deaths = 0;
  uint32_t records_rejected = 0;  // state of a predecessor that made no sense
};

}  // namespace stratos::virtio
