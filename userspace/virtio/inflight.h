// SPDX-License-Identifier: Apache-2.0
// The record of the chains that are in flight, for a successor of this process.
//
// The layout is that of the vhost-user specification ("Inflight I/O tracking"), one
// region per queue, so that a vhost-user link can hand over the region it was given.
// Our own links keep it in memory that outlives the process. The peer may be able to
// write there: while a queue runs nothing is read back, and what resume() reads is
// read once and checked.
//
// Promise: whenever the process dies by SIGKILL, each chain that the driver made
// available is either completed once towards the driver, or popped again by resume().
// A chain may be *served* twice: when its answer had not been published yet. The promise
// holds from the return of start() on; until then there is nothing to resume.
//
// Why this holds. A killed process leaves a prefix of its stores: the processor shows
// every retired store, in the end, to the successor, which starts after a context
// switch. So only the order of the stores in the program counts, which
// std::atomic_signal_fence() keeps, and every step below commits with one store.
//
// Split (split_inflight.h):
//   pop      counter, then inflight = 1: the commit. Killed before it, the chain is
//            not in the record, and resume() finds it in the avail ring, because
//            next avail = used idx of the ring + chains in the record.
//   unpop    inflight = 0: the commit, by the same rule.
//   push     next, last_batch_head: a list that counts only after the next commit.
//   publish  used idx of the ring: the commit, for the driver and for the record at
//            once. Then inflight = 0 for the batch, then used_idx of the record.
//   resume   used idx of the ring - used_idx of the record = chains that were committed
//            and may still be marked: that many from last_batch_head on lose their
//            mark. The used_idx is set last, so resume() may be killed and repeated.
// A batch is in flight or complete as a whole, since it has one commit; between commits
// nobody else changes the record; and a head can only become available again after the
// commit, hence is popped again only after its mark is gone.
//
// Packed (packed_inflight.h): descriptors are overwritten by used ones, so that the
// record holds copies, in entries taken from a free list that begins at old_free_head.
//   pop      copies, counter and mark go to free entries; old_free_head moves behind
//            them: the commit. A mark on an entry of the free list means nothing. The
//            next slot to pop is the used position + the slots of recorded chains.
//   unpop    old_free_head moves back: the commit. Then the mark.
//   push     entries are linked in front of each other; used elements go to the ring,
//            each with its flags except the first of the batch, for which the driver
//            waits and behind which it does not look.
//   publish  the list is joined with the free list; free_head, used_idx and
//            used_wrap_counter are the state to come. The flags of the first used
//            element: the commit. Then the marks go, settling = 1 (a byte of padding in
//            the specification), old_* become the new state, settling = 0.
//   resume   settling, or a new state while the flags of the first slot are no longer
//            those of an available descriptor of that lap: the commit happened, and is
//            carried through. Else it is rolled back: old_* hold, and the slots of
//            chains in flight are made to look available again, lest the driver take a
//            used element of the lost batch for one of ours.
// The driver can change the flags of the first slot only after it saw them used, and
// then to those of the next lap, which are not those of the old one; it cannot get
// further, since the device stands still.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stratos::virtio {

// Memory for the record of one queue. Owns nothing.
class InflightTable {
 public:
  // Nothing is recorded, and nothing can be resumed.
  constexpr InflightTable() = default;
  // At least bytes(size, packed), aligned to 8; start() and resume() check that.
  constexpr explicit InflightTable(std::span<std::byte> memory) : memory_(memory) {}

  // What a queue of `size` entries needs; a multiple of 64, so that the tables of
  // several queues may follow each other.
  static constexpr size_t bytes(uint16_t size, bool packed) {
    const size_t entry = packed ? 32 : 16;
    return (entry + size * entry + 63) / 64 * 64;
  }

  bool empty() const { return memory_.empty(); }
  // Whether the memory can hold the record of such a queue.
  bool fits(uint16_t size, bool packed) const {
    return memory_.size() >= bytes(size, packed) &&
           reinterpret_cast<uintptr_t>(memory_.data()) % alignof(uint64_t) == 0;
  }
  std::byte* data() const { return memory_.data(); }

 private:
  std::span<std::byte> memory_;
};

}  // namespace stratos::virtio
