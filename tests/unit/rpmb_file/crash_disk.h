// SPDX-License-Identifier: Apache-2.0
// A disk of two files in memory whose power can go at any instant.
//
// What was written since the last sync lies in a cache of sectors. Power loss keeps
// any subset of these sectors, whatever the order in which they were written; all that
// was synced stays.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hosts/rpmb_file/medium.h"

namespace stratos::test {

using rpmb_file::Bytes;
using rpmb_file::Role;

// The two files as they lie on the platters.
struct DiskImage {
  std::vector<std::byte> store;
  std::vector<std::byte> anchor;

  std::vector<std::byte>& of(Role file) { return file == Role::kStore ? store : anchor; }
  const std::vector<std::byte>& of(Role file) const {
    return file == Role::kStore ? store : anchor;
  }
};

inline constexpr size_t kSectorSize = 512;

// One sector of an unfinished write.
struct Sector {
  Role file = Role::kStore;
  uint64_t offset = 0;
  Bytes bytes;
};

class CrashDisk final : public rpmb_file::Medium {
 public:
  explicit CrashDisk(DiskImage image) : image_(std::move(image)) {}

  bool has(Role) const override { return true; }
  const std::string& name(Role file) const override {
    return file == Role::kStore ? store_name_ : anchor_name_;
  }
  uint64_t size(Role file) const override { return image_.of(file).size(); }
  std::error_code read(Role file, uint64_t offset, std::span<std::byte> into) override;
  // Tells `on_write`, if there is one, before anything reaches the platters.
  std::error_code write(std::span<const rpmb_file::Write> writes) override;

  // Hears of each batch of writes before it is durable.
  std::function<void(const DiskImage& before, std::span<const Sector>)> on_write;

  const DiskImage& image() const { return image_; }

  // What a running store writes: finish() makes a batch durable and tells the listener, or
  // fails. `on_write` hears of all that is under way then, of either kind.
  enum class Batch : uint8_t { kRecord, kData };
  std::unique_ptr<rpmb_file::Committer> committer(Batch batch);
  bool under_way(Batch batch) const { return lane(batch).listener != nullptr; }
  void finish(Batch batch, int error = 0);

 private:
  class Commits;
  struct Lane {
    std::vector<rpmb_file::Write> writes;
    rpmb_file::CommitListener* listener = nullptr;
  };
  Lane& lane(Batch batch) { return lanes_[static_cast<size_t>(batch)]; }
  const Lane& lane(Batch batch) const { return lanes_[static_cast<size_t>(batch)]; }

  DiskImage image_;
  std::string store_name_ = "store";
  std::string anchor_name_ = "anchor";
  std::array<Lane, 2> lanes_;
};

// The sectors that `writes` touch, in order.
std::vector<Sector> sectors_of(std::span<const rpmb_file::Write> writes);
void apply(DiskImage& image, const Sector& sector);

}  // namespace stratos::test
