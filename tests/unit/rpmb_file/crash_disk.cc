// SPDX-License-Identifier: Apache-2.0
#include "rpmb_file/crash_disk.h"

#include <algorithm>
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
  explicit Commits(CrashDisk& disk) : disk_(disk) {}
  ~Commits() override { disk_.listener_ = nullptr; }

  void begin(std::span<const Write> writes, std::shared_ptr<const void> memory,
             rpmb_file::CommitListener& listener) override {
    disk_.pending_.assign(writes.begin(), writes.end());
    disk_.listener_ = &listener;
    memory_ = std::move(memory);
  }

 private:
  CrashDisk& disk_;
  std::shared_ptr<const void> memory_;
};

std::unique_ptr<rpmb_file::Committer> CrashDisk::committer() {
  return std::make_unique<Commits>(*this);
}

void CrashDisk::finish(int error) {
  if (error == 0) (void)write(pending_);
  std::exchange(listener_, nullptr)->on_written(error);
}

}  // namespace stratos::test
