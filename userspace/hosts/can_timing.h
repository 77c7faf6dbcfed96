// SPDX-License-Identifier: Apache-2.0
// What the bits of a CAN frame decide: who wins the bus, and for how long.

#pragma once

#include <chrono>
#include <cstdint>

#include "devices/can/bus.h"

namespace stratos::hosts {

// The bits of the arbitration field, the first one on the wire highest, and the FDF
// bit behind them: of frames that begin at the same moment the lowest key wins. So a
// lower identifier goes before a higher one, data before remote, a standard frame before
// an extended one with the same first 11 bits, classic before FD.
uint64_t arbitration_key(const can::Frame& frame);

struct BitRate {
  uint32_t nominal = 0;  // bit/s; 0: frames take no time
  uint32_t data = 0;     // bit/s of the data phase of FD frames; 0: as nominal
};

// How long `frame` and the pause behind it occupy the bus with the most stuff bits
// that it can need: the bound that schedulability analysis uses, so a load that fits
// here fits on a wire.
std::chrono::nanoseconds frame_time(const can::Frame& frame, const BitRate& rate);

}  // namespace stratos::hosts
