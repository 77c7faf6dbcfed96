// SPDX-License-Identifier: Apache-2.0
// The memory that a front-end shares: its regions, mapped.

#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "links/vhost_user/messages.h"
#include "runtime/bus_error.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"
#include "virtio/memory.h"

namespace stratos::links::vhost_user {

class MemoryTable {
 public:
  // What GET_MAX_MEM_SLOTS says.
  static constexpr size_t kMaxSlots = 64;

  // Maps `fd` and adds the region. Refused, with one line for the log: a region that is
  // empty, wraps, overlaps another one in guest or front-end addresses, is not within its
  // file, or is one too many.
  std::expected<void, std::string> add(const MemoryRegion& region, const runtime::UniqueFd& fd);
  // False if there is no such region. Its memory is unmapped.
  bool remove(const MemoryRegion& region);
  void clear();

  // Whether the front-end was found to have cut off memory that it shares.
  bool cut_off() const;

  bool empty() const { return slots_.empty(); }
  size_t size() const { return slots_.size(); }
  // What the driver's addresses mean. Valid until the next change; 0 is an address.
  virtio::Memory memory() const;
  // The guest address behind a front-end's own address; nullopt if it is in no region.
  std::optional<uint64_t> guest_address(uint64_t user) const;

 private:
  struct Slot {
    MemoryRegion region;
    runtime::Mapping mapping;
    runtime::BusErrorGuard guard;
  };

  std::expected<void, std::string> check(const MemoryRegion& region) const;
  void update_windows();

  std::vector<Slot> slots_;
  std::array<virtio::Window, kMaxSlots> windows_{};
};

}  // namespace stratos::links::vhost_user
