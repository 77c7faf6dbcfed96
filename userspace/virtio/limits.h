// SPDX-License-Identifier: Apache-2.0
// Maxima that fix the size of the objects of this room. An embedder with little
// memory lowers them from its build (-DSTRATOS_MAX_DEVICES=2).

#pragma once

#include <cstddef>
#include <cstdint>

namespace stratos::virtio {

#ifndef STRATOS_MAX_DEVICES
#define STRATOS_MAX_DEVICES 62
#endif
#ifndef STRATOS_MAX_QUEUES
#define STRATOS_MAX_QUEUES 4
#endif

// Devices of one link; their numbers are 0 to kMaxDevices - 1.
inline constexpr uint16_t kMaxDevices = STRATOS_MAX_DEVICES;
// Queues of one device.
inline constexpr uint16_t kMaxQueues = STRATOS_MAX_QUEUES;
// Bytes of the largest message that is understood, whatever the slots would hold.
inline constexpr size_t kMaxMessage = 512;

static_assert(kMaxDevices >= 1 && kMaxDevices <= 64, "devices are kept in 64-bit sets");
static_assert(kMaxQueues >= 1 && kMaxQueues <= 32, "queues are kept in 32-bit sets");

}  // namespace stratos::virtio
