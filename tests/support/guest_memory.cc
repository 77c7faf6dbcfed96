// SPDX-License-Identifier: Apache-2.0

#include "guest_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace stratos::test {

using runtime::Mapping;
using runtime::UniqueFd;

namespace {

UniqueFd make_file(size_t size) {
  UniqueFd fd(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    throw std::runtime_error("no memory for a guest");
  return fd;
}

Mapping map(const UniqueFd& fd, size_t size) {
  auto mapping = Mapping::map(fd.get(), size);
  if (!mapping) throw std::runtime_error("cannot map the memory of a guest");
  return std::move(*mapping);
}

}  // namespace

GuestMemory::GuestMemory(size_t size, uint64_t guest)
    : region_{.guest = guest, .size = size, .user = guest + kUserOffset, .offset = 0},
      fd_(make_file(size)),
      mapping_(map(fd_, size)),
      driver_(mapping_.bytes(), guest) {}

}  // namespace stratos::test
