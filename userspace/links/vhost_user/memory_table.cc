// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/memory_table.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace stratos::links::vhost_user {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

bool wraps(uint64_t begin, uint64_t size) { return begin > kMax - size; }

bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

// What the front-end cuts off later is the guard's affair: memory of a machine is seldom
// sealed.
std::expected<void, std::string> check_file(const MemoryRegion& region, int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::unexpected("a region that is no memory file");
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (region.offset > size || region.size > size - region.offset) {
    return std::unexpected(fmt::format("a region of {:#x} bytes at {:#x} in a file of {:#x}",
                                       region.size, region.offset, size));
  }
  return {};
}

}  // namespace

std::expected<void, std::string> MemoryTable::check(const MemoryRegion& region) const {
  if (slots_.size() == kMaxSlots) return std::unexpected("more regions than there are slots");
  if (region.size == 0 || wraps(region.guest, region.size) || wraps(region.user, region.size) ||
      wraps(region.offset, region.size)) {
    return std::unexpected("a region that is empty or wraps around");
  }
  for (const Slot& slot : slots_) {
    const MemoryRegion& other = slot.region;
    if (overlap(region.guest, region.size, other.guest, other.size) ||
        overlap(region.user, region.size, other.user, other.size)) {
      return std::unexpected(fmt::format("a region at {:#x} that overlaps another", region.guest));
    }
  }
  return {};
}

std::expected<void, std::string> MemoryTable::add(const MemoryRegion& region,
                                                  const runtime::UniqueFd& fd) {
  auto checked = check(region);
  if (checked) checked = check_file(region, fd.get());
  if (!checked) return checked;
  // From the beginning of the file on, as the offset need not be one of a page.
  auto mapping = runtime::Mapping::map(fd.get(), region.offset + region.size);
  if (!mapping) {
    return std::unexpected(fmt::format("a region cannot be mapped: {}", mapping.error().message()));
  }
  runtime::BusErrorGuard guard(mapping->bytes());
  if (!guard.armed()) return std::unexpected("more memory than can be guarded");
  slots_.push_back({region, std::move(*mapping), std::move(guard)});
  update_windows();
  return {};
}

bool MemoryTable::remove(const MemoryRegion& region) {
  const auto found = std::ranges::find_if(slots_, [&region](const Slot& slot) {
    return slot.region.guest == region.guest && slot.region.size == region.size &&
           slot.region.user == region.user;
  });
  if (found == slots_.end()) return false;
  slots_.erase(found);
  update_windows();
  return true;
}

bool MemoryTable::cut_off() const {
  return std::ranges::any_of(slots_, [](const Slot& slot) { return slot.guard.hit(); });
}

void MemoryTable::clear() {
  slots_.clear();
  update_windows();
}

void MemoryTable::update_windows() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const MemoryRegion& region = slots_[i].region;
    windows_[i] = {.address = region.guest,
                   .size = region.size,
                   .base = slots_[i].mapping.bytes().subspan(region.offset).data()};
  }
}

virtio::Memory MemoryTable::memory() const {
  return virtio::Memory(std::span(windows_).first(slots_.size()), true);
}

std::optional<uint64_t> MemoryTable::guest_address(uint64_t user) const {
  for (const Slot& slot : slots_) {
    const MemoryRegion& region = slot.region;
    if (user >= region.user && user - region.user < region.size) {
      return region.guest + (user - region.user);
    }
  }
  return std::nullopt;
}

}  // namespace stratos::links::vhost_user
