// SPDX-License-Identifier: Apache-2.0
#include "hub/region.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/mapping.h"
#include "virtio/amp_layout.h"

namespace stratos::hub {
namespace {

// MFD_NOEXEC_SEAL, Linux 6.3: newer than the headers of the baseline.
constexpr unsigned kNoExecSeal = 0x8;
// F_SEAL_EXEC, which it brings along.
constexpr int kExecSeal = 0x20;

constexpr int kSeals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

runtime::UniqueFd create_memory(const std::string& name) {
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  runtime::UniqueFd memory(memfd_create(name.c_str(), flags | kNoExecSeal));
  if (!memory && errno == EINVAL) memory.reset(memfd_create(name.c_str(), flags));
  return memory;
}

}  // namespace

std::expected<runtime::UniqueFd, std::string> create_region(const std::string& name,
                                                            uint64_t size) {
  const auto failed = [&](const char* what) {
    return std::unexpected(
        fmt::format("link {}: cannot {} memory: {}", name, what, std::strerror(errno)));
  };
  runtime::UniqueFd memory = create_memory("stratos-" + name);
  if (!memory) return failed("create");
  if (ftruncate(memory.get(), static_cast<off_t>(size)) != 0) return failed("size");

  const auto layout = virtio::plan_layout({.region_size = size});
  if (!layout) {
    return std::unexpected(fmt::format("link {}: {} bytes do not hold the layout: {}", name, size,
                                       virtio::to_string(layout.error())));
  }
  const auto mapping = runtime::Mapping::map(memory.get(), size);
  if (!mapping) return failed("map");
  virtio::write_layout(mapping->bytes(), *layout);

  if (fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) {
    return failed("seal");
  }
  return memory;
}

std::expected<void, std::string> check_region(int memory, uint64_t size) {
  struct stat status {};
  if (fstat(memory, &status) != 0) return std::unexpected("the memory is missing");
  if (static_cast<uint64_t>(status.st_size) != size) {
    return std::unexpected(
        fmt::format("the memory has {} bytes, and now {} are wanted", status.st_size, size));
  }
  // Fails on any file that is not of memory.
  const int seals = fcntl(memory, F_GET_SEALS);
  if (seals < 0 || (seals & ~kExecSeal) != kSeals) {
    return std::unexpected("the memory is not sealed as it should be");
  }
  return {};
}

}  // namespace stratos::hub
