// SPDX-License-Identifier: Apache-2.0
#include "runtime/mapping.h"

#include <sys/mman.h>

#include <cerrno>

namespace stratos::runtime {

std::expected<Mapping, std::error_code> Mapping::map(int fd, size_t size, off_t offset) {
  return make(MAP_SHARED, fd, size, offset);
}

std::expected<Mapping, std::error_code> Mapping::anonymous(size_t size) {
  return make(MAP_PRIVATE | MAP_ANONYMOUS, -1, size, 0);
}

std::expected<Mapping, std::error_code> Mapping::make(int flags, int fd, size_t size,
                                                      off_t offset) {
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, offset);
  if (base == MAP_FAILED) return std::unexpected(std::error_code(errno, std::system_category()));
  return Mapping({static_cast<std::byte*>(base), size});
}

Mapping::~Mapping() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

}  // namespace stratos::runtime
