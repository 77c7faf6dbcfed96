// SPDX-License-Identifier: Apache-2.0
// The tricks by what they abuse. See hostile_device.h for what a trick is.

#pragma once

#include <span>
#include <vector>

#include "hostile/hostile_device.h"

namespace stratos::guest {

// All of them.
std::span<const Trick> tricks();

std::vector<Trick> message_tricks();
std::vector<Trick> link_tricks();
std::vector<Trick> queue_tricks();

}  // namespace stratos::guest
