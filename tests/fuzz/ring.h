// SPDX-License-Identifier: Apache-2.0
// The device side of a virtqueue against a driver that writes what it likes, when it likes.

#pragma once

#include "input.h"

namespace stratos::fuzz {

void fuzz_ring(bool packed, Input& input);

}  // namespace stratos::fuzz
