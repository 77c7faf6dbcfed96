// SPDX-License-Identifier: Apache-2.0
// Stands for userspace/virtio/barrier.h in the model check.

#pragma once

#include "access.h"

namespace stratos::virtio {

inline void full_barrier() { model::barrier(); }

}  // namespace stratos::virtio
