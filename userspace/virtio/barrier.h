// SPDX-License-Identifier: Apache-2.0
// The one order that acquire and release on shared words cannot give: an own store
// before an own load.

#pragma once

namespace stratos::virtio {

// Everything stored so far is visible to the peer before anything is loaded from here
// on. Each use names the barrier of the peer that it pairs with; between two of them at
// least one side sees what the other stored.
inline void full_barrier() {
  // GCC warns that TSan does not model this fence. It need not: data passes from side to
  // side by acquire and release on the words alone, which TSan does follow, and a store
  // that a load overtakes is a lost wake-up, not a race.
#ifdef __SANITIZE_THREAD__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#ifdef __SANITIZE_THREAD__
#pragma GCC diagnostic pop
#endif
}

}  // namespace stratos::virtio
