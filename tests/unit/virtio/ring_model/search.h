// SPDX-License-Identifier: Apache-2.0
// Tries every schedule of two sides that share memory, depth first, and meets each state
// once: the memory, both store buffers and where each side is.
//
// Stores wait in a buffer of their side and reach the memory one by one, at any time, in
// their order (as on x86-64: total store order). A load sees the own buffer first. With
// `weak_stores` they do so in any order that release stores and overlap allow, as
// on weaker machines; loads keep their order.

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "side.h"

namespace stratos::model {

struct Findings {
  uint64_t states = 0;
  uint64_t steps = 0;    // from state to state
  double schedules = 0;  // ways from the begin to an end
  std::string failure;   // empty: no schedule breaks a rule
  std::string schedule;  // the one that does, a step per line
};

// Fails if a side does, if both sleep and one should not, or if they go round in circles.
Findings search(Side& driver, Side& device, bool weak_stores);

}  // namespace stratos::model
