// SPDX-License-Identifier: Apache-2.0
// Memory of a guest as a vhost-user front-end has it: a file that a back-end maps, too.

#pragma once

#include <cstddef>
#include <cstdint>

#include "driver_memory.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"
#include "vhost_user_wire.h"

namespace stratos::test {

class GuestMemory {
 public:
  // The addresses that a front-end calls its own are guest addresses plus this: neither those nor
  // offsets in the file, so that nobody takes one for another.
  static constexpr uint64_t kUserOffset = 0x7f00'0000'0000;

  // The first byte has guest address `guest`. Throws std::runtime_error.
  explicit GuestMemory(size_t size, uint64_t guest = 0);

  vhost_user::MemoryRegion region() const { return region_; }
  int fd() const { return fd_.get(); }
  DriverMemory& driver() { return driver_; }

 private:
  vhost_user::MemoryRegion region_;
  runtime::UniqueFd fd_;
  runtime::Mapping mapping_;
  DriverMemory driver_;
};

}  // namespace stratos::test
