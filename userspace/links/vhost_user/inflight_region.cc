// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/inflight_region.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "virtio/packed_inflight.h"
#include "virtio/split_inflight.h"

namespace stratos::links::vhost_user {
namespace {

// "VU01": a record of this layout behind inflight tables.
constexpr uint32_t kRecordTag = 0x31305556;
constexpr uint64_t kMaxRegion = 64 << 20;
constexpr uint64_t kPage = 4096;

size_t record_size() { return virtio::StateRecords::table_size(1); }

// Room for either format, as the driver's choice may come later.
size_t region_size(uint16_t queues, uint16_t queue_size) {
  const size_t tables = queues * virtio::InflightTable::bytes(queue_size, true);
  return (tables + record_size() + kPage - 1) / kPage * kPage;
}

}  // namespace

InflightRegion::InflightRegion(runtime::Mapping mapping, const InflightArea& area)
    : mapping_(std::move(mapping)),
      guard_(mapping_.bytes()),
      bytes_(mapping_.bytes().subspan(static_cast<size_t>(area.offset % kPage))),
      queues_(area.queues),
      queue_size_(area.queue_size) {}

std::expected<InflightRegion, std::string> InflightRegion::create_private(uint16_t queues,
                                                                          uint16_t queue_size) {
  const size_t size = region_size(queues, queue_size);
  auto mapping = runtime::Mapping::anonymous(size);
  if (!mapping) return std::unexpected(mapping.error().message());
  return InflightRegion(std::move(*mapping),
                        {.size = size, .queues = queues, .queue_size = queue_size});
}

std::expected<InflightRegion, std::string> InflightRegion::open_file(const std::string& path,
                                                                     uint16_t queues,
                                                                     uint16_t queue_size) {
  const size_t size = region_size(queues, queue_size);
  const runtime::UniqueFd file(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) {
    return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    return std::unexpected(fmt::format("{}: exists and is no file; remove it", path));
  }
  // What is there of another size is not of this device.
  const bool other = status.st_size != static_cast<off_t>(size);
  if (other &&
      (ftruncate(file.get(), 0) != 0 || ftruncate(file.get(), static_cast<off_t>(size)) != 0)) {
    return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  auto mapping = runtime::Mapping::map(file.get(), size);
  if (!mapping) return std::unexpected(fmt::format("{}: {}", path, mapping.error().message()));
  return InflightRegion(std::move(*mapping),
                        {.size = size, .queues = queues, .queue_size = queue_size});
}

std::expected<InflightRegion::Gift, std::string> InflightRegion::create_gift(uint16_t queues,
                                                                             uint16_t queue_size) {
  Gift gift;
  gift.fd.reset(memfd_create("stratos-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const size_t size = region_size(queues, queue_size);
  if (!gift.fd || ftruncate(gift.fd.get(), static_cast<off_t>(size)) != 0 ||
      fcntl(gift.fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return std::unexpected(fmt::format("no inflight memory: {}", std::strerror(errno)));
  }
  gift.area = {.size = size, .offset = 0, .queues = queues, .queue_size = queue_size};
  return gift;
}

std::expected<InflightRegion, std::string> InflightRegion::adopt(const InflightArea& area,
                                                                 const runtime::UniqueFd& fd) {
  struct stat status {};
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::unexpected("inflight memory that is no memory file");
  }
  const auto file_size = static_cast<uint64_t>(status.st_size);
  if (area.size > kMaxRegion || area.offset > file_size || area.size > file_size - area.offset) {
    return std::unexpected("inflight memory that is not within its file");
  }
  const bool sizes = area.queues != 0 && area.queue_size != 0 && area.offset % 64 == 0;
  const uint64_t least = area.queues * virtio::InflightTable::bytes(area.queue_size, false);
  if (!sizes || area.size < least) {
    return std::unexpected(fmt::format("inflight memory of {} bytes for {} queues of {} entries",
                                       area.size, area.queues, area.queue_size));
  }
  const uint64_t skip = area.offset % kPage;
  auto mapping = runtime::Mapping::map(fd.get(), static_cast<size_t>(area.size + skip),
                                       static_cast<off_t>(area.offset - skip));
  if (!mapping) return std::unexpected(mapping.error().message());
  return InflightRegion(std::move(*mapping), area);
}

void InflightRegion::clear() {
  if (!bytes_.empty()) std::memset(bytes_.data(), 0, bytes_.size());
  formatted_ = false;
}

void InflightRegion::lay_out(bool packed, std::span<virtio::InflightTable> tables) {
  const size_t stride = virtio::InflightTable::bytes(queue_size_, packed);
  for (size_t i = 0; i < tables.size(); ++i) {
    const bool fits = i < queues_ && (i + 1) * stride <= bytes_.size();
    tables[i] =
        fits ? virtio::InflightTable(bytes_.subspan(i * stride, stride)) : virtio::InflightTable();
  }
  // Memory that another back-end laid out has no room for a record of ours.
  recording_ = bytes_.size() >= queues_ * stride + record_size();
  formatted_ = recording_ && records_.attach(record_area(), kRecordTag);
  virtio::DeviceRecord record;
  found_.reset();
  if (formatted_ && records_.load(0, record) == virtio::RecordResult::kLoaded) {
    found_ = record.state;
  }
}

std::span<std::byte> InflightRegion::record_area() const { return bytes_.last(record_size()); }

bool InflightRegion::begun(std::span<const virtio::InflightTable> tables, bool packed) {
  return std::ranges::any_of(tables, [packed](const virtio::InflightTable& table) {
    if (table.empty()) return false;
    return packed ? virtio::PackedInflight::begun(table) : virtio::SplitInflight::begun(table);
  });
}

// Both formats keep the version in the same place.
void InflightRegion::forget(const virtio::InflightTable& table) {
  constexpr size_t kHead = 16;
  if (!table.empty()) std::memset(table.data(), 0, kHead);
}

void InflightRegion::forget_state() {
  if (formatted_) records_.format(kRecordTag);
}

void InflightRegion::store_state(const virtio::InstanceState& state) {
  if (!recording_) return;
  if (!std::exchange(formatted_, true)) records_.format(kRecordTag);
  records_.store(0, {.epoch = 1, .memory = {}, .storage = {}, .state = state});
}

}  // namespace stratos::links::vhost_user
