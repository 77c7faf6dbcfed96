// SPDX-License-Identifier: Apache-2.0
// What a CAN device counts, for an operator to see. Nothing resets the counters.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "devices/can/wire.h"

namespace stratos::can {

struct Counters {
  uint64_t tx = 0;            // frames of the driver that were on the bus
  uint64_t tx_failed = 0;     // the bus gave up on them
  uint64_t tx_cancelled = 0;  // pending when the controller stopped
  std::array<uint64_t, static_cast<size_t>(Reject::kCount)> tx_rejected{};

  uint64_t rx = 0;              // frames given to the driver
  uint64_t rx_overrun = 0;      // lost: no Rx buffer and the backlog full
  uint64_t rx_unsupported = 0;  // not for this driver: type not negotiated
  uint64_t rx_too_small = 0;    // lost: the driver's buffer was too small
  uint64_t rx_discarded = 0;    // in the backlog when the controller stopped
  uint64_t rx_backlog_peak = 0;
  uint64_t rx_holds = 0;  // times that the bus was asked to hold frames back

  uint64_t starts = 0;
  uint64_t stops = 0;
  uint64_t bus_offs = 0;
  uint64_t control_rejected = 0;
};

}  // namespace stratos::can
