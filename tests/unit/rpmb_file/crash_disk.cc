// SPDX-License-Identifier: Apache-2.0
#include "rpmb_file/crash_disk.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace stratos::test {

using rpmb_file::Write;

std::vector<Sector> sectors_of(std::span<const Write> writes) {
  std::vector<Sector> sectors;
  for (const Write& write : writes) {
    for (size_t at = 0; at < write.bytes.size(); at += kSectorSize) {
      sectors.push_back({write.file, write.offset + at, write.bytes.subspan(at, kSectorSize)});
    }
  }
  return sectors;
}

void apply(DiskImage& image, const Sector& sector) {
  std::copy(sector.bytes.begin(), sector.bytes.end(), &image.of(sector.file).at(sector.offset));
}

std::error_code CrashDisk::read(Role file, uint64_t offset, std::span<std::byte> into) {
  const auto& bytes = image_.of(file);
  if (offset + into.size() > bytes.size()) return std::make_error_code(std::errc::io_error);
  std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), into.size(), into.begin());
  return {};
}

std::error_code CrashDisk::write(std::span<const Write> writes) {
  const auto sectors = sectors_of(writes);
  if (on_write) on_write(image_, sectors);
  for (const Sector& sector : sectors) apply(image_, sector);
  return {};
}

class CrashDisk::Commits final : public rpmb_file::Committer {
 public:
  explicit Commits(Lane& lane) : lane_(lane) {}
  ~Commits() override { lane_.listener = nullptr; }

  void begin(std::span<const Write> writes, std::shared_ptr<const void> memory,
             rpmb_file::CommitListener& listener) override {
    lane_ = {.writes = {writes.begin(), writes.end()}, .listener = &listener};
    memory_ = std::move(memory);
  }

 private:
  Lane& lane_;
  std::shared_ptr<const void> memory_;
};

std::unique_ptr<rpmb_file::Committer> CrashDisk::committer(Batch batch) {
  return std::make_unique<Commits>(lane(batch));
}

void CrashDisk::finish(Batch batch, int error) {
  const auto listener = std::exchange(lane(batch).listener, nullptr);
  const auto writes = std::exchange(lane(batch).writes, {});
  if (error == 0) {
    auto sectors = sectors_of(writes);
    const size_t finished = sectors.size();
    for (const Lane& other : lanes_)
      std::ranges::copy(sectors_of(other.writes), std::back_inserter(sectors));
    if (on_write) on_write(image_, sectors);
    for (const Sector& sector : std::span(sectors).first(finished)) apply(image_, sector);
  }
  listener->on_written(error);
}

}  // namespace stratos::test
