// SPDX-License-Identifier: Apache-2.0
// The port through which the RPMB model reaches what it protects.
//
// A store holds blocks and a small state, and changes both together or not at all:
// whatever dies at whatever instant, afterwards a commit has happened as a whole or
// has not happened, and one that was reported done has happened.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/hmac.h"

namespace stratos::rpmb {

inline constexpr size_t kBlockSize = 256;
inline constexpr uint32_t kMaxBlocks = 65536;     // 16 MiB: what a 16-bit address reaches
inline constexpr uint32_t kMaxCommitBlocks = 64;  // no descriptor chain carries more

// What the device remembers besides the blocks. None of it is ever shown to a guest
// but the counter.
struct State {
  bool key_programmed = false;
  Key key{};
  uint32_t write_counter = 0;
  // The MAC of the request that was committed last. A request that a predecessor had
  // in flight is recognised by it, so that it is answered and not executed again.
  Mac last_mac{};
  // SECURE_WP_MODE_ENABLE and SECURE_WP_MODE_CONFIG: kept for the
  // optional authenticated device configuration.
  std::array<std::byte, 2> secure_write_protect{};

  friend bool operator==(const State&, const State&) = default;
};

enum class StoreStatus : uint8_t {
  kDone,
  kFailed,   // nothing changed, or nobody can tell: the store then fails from here on
  kPending,  // the listener will hear of it
};

// Calls come from the thread that owns both, and never from within a call to the store.
class StoreListener {
 public:
  virtual void on_read(bool ok) = 0;
  virtual void on_committed(bool ok) = 0;

 protected:
  ~StoreListener() = default;
};

// A store for one device. One operation at a time: the next begins after the last was
// done or failed, whatever became of the guest in between. The memory that an
// operation names stays the store's until then.
class Store {
 public:
  // Who hears of operations that were pending. Called once, before the first one.
  virtual void listen(StoreListener& listener) = 0;

  // 512 for each 128 KiB; never changes.
  virtual uint32_t block_count() const = 0;
  // As of the last commit that is done.
  virtual const State& state() const = 0;

  // Reads whole blocks from `address` on; the range was checked.
  virtual StoreStatus read(uint32_t address, std::span<std::byte> into) = 0;
  // Replaces the state and whole blocks (maybe none, at most kMaxCommitBlocks) from
  // `address` on, atomically and durably. The range was checked.
  virtual StoreStatus commit(const State& next, uint32_t address,
                             std::span<const std::byte> blocks) = 0;

 protected:
  ~Store() = default;
};

}  // namespace stratos::rpmb
