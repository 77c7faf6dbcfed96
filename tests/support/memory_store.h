// SPDX-License-Identifier: Apache-2.0
// What an RPMB device protects, in memory: as slow and as faulty as a test wants it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "devices/rpmb/store.h"

namespace stratos::test {

class MemoryStore final : public rpmb::Store {
 public:
  explicit MemoryStore(uint32_t block_count = 512) : bytes(block_count * rpmb::kBlockSize) {}

  void listen(rpmb::StoreListener& listener) override { listener_ = &listener; }
  uint32_t block_count() const override {
    return static_cast<uint32_t>(bytes.size() / rpmb::kBlockSize);
  }
  const rpmb::State& state() const override { return current; }

  rpmb::StoreStatus read(uint32_t address, std::span<std::byte> into) override {
    if (on_access) on_access();
    ++reads;
    begin({.reading = true, .address = address, .into = into});
    return delayed ? rpmb::StoreStatus::kPending : end(take_fault(failing_reads));
  }
  rpmb::StoreStatus commit(const rpmb::State& next, uint32_t address,
                           std::span<const std::byte> blocks) override {
    if (on_access) on_access();
    ++commits;
    begin({.address = address, .next = &next, .blocks = blocks});
    return delayed ? rpmb::StoreStatus::kPending : end(take_fault(failing_commits));
  }

  // An operation is under way; more than one at a time are an error of the model.
  bool busy() const { return busy_; }
  // The operation under way is over.
  void finish(bool ok = true) {
    const bool reading = operation_.reading;
    const bool done = end(!ok) == rpmb::StoreStatus::kDone;
    if (reading) {
      listener_->on_read(done);
    } else {
      listener_->on_committed(done);
    }
  }
  // The process died: the operation under way happened or not, and nobody hears of it.
  void die(bool happened) {
    if (busy_) end(!happened);
    listener_ = nullptr;
  }

  std::vector<std::byte> bytes;
  rpmb::State current;
  bool delayed = false;   // operations wait for finish()
  int failing_reads = 0;  // so many of the next ones fail
  int failing_commits = 0;
  std::function<void()> on_access;  // before an operation begins
  uint64_t reads = 0;
  uint64_t commits = 0;
  uint64_t overlaps = 0;  // operations that began while another was under way

 private:
  // The memory is looked at when the operation ends: until then it is the store's.
  struct Operation {
    bool reading = false;
    uint32_t address = 0;
    const rpmb::State* next = nullptr;
    std::span<std::byte> into{};
    std::span<const std::byte> blocks{};
  };

  static bool take_fault(int& count) { return count > 0 && count-- > 0; }
  void begin(const Operation& operation) {
    if (busy_) ++overlaps;
    busy_ = true;
    operation_ = operation;
  }
  rpmb::StoreStatus end(bool fail) {
    busy_ = false;
    if (fail) return rpmb::StoreStatus::kFailed;
    const auto at = bytes.begin() + static_cast<ptrdiff_t>(operation_.address * rpmb::kBlockSize);
    if (operation_.reading) {
      std::copy_n(at, operation_.into.size(), operation_.into.begin());
    } else {
      current = *operation_.next;
      std::copy(operation_.blocks.begin(), operation_.blocks.end(), at);
    }
    return rpmb::StoreStatus::kDone;
  }

  rpmb::StoreListener* listener_ = nullptr;
  bool busy_ = false;
  Operation operation_;
};

}  // namespace stratos::test
