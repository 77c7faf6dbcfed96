// SPDX-License-Identifier: Apache-2.0
#include "rpmb_file/store_rig.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace stratos::test {
namespace {

std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::byte> bytes;
  std::transform(std::istreambuf_iterator<char>(file), {}, std::back_inserter(bytes),
                 [](char letter) { return std::byte(letter); });
  return bytes;
}

template <size_t kSize>
void fill(std::mt19937_64& random, std::array<std::byte, kSize>& bytes) {
  for (std::byte& byte : bytes) byte = std::byte(random());
}

}  // namespace

void Change::apply_to(Model& model) const {
  model.state = next;
  std::copy(blocks.begin(), blocks.end(),
            model.blocks.begin() + static_cast<ptrdiff_t>(address * rpmb::kBlockSize));
}

Change random_change(std::mt19937_64& random, const Model& model, uint32_t most) {
  const auto total = static_cast<uint32_t>(model.blocks.size() / rpmb::kBlockSize);
  Change change{.next = model.state, .blocks = {}};
  // Mostly one block; now and then none, or many. Few addresses, so that changes overlap.
  const uint32_t kind = static_cast<uint32_t>(random() % 8);
  const uint32_t count = kind == 0 ? 0 : kind < 5 ? 1 : 1 + static_cast<uint32_t>(random() % most);
  const uint32_t window = random() % 4 == 0 ? total - count : std::min(total - count, 2 * most);
  change.address = static_cast<uint32_t>(random() % (window + 1));
  change.blocks.resize(size_t{count} * rpmb::kBlockSize);
  const auto pattern = static_cast<uint8_t>(random());
  for (size_t i = 0; i < change.blocks.size(); ++i) {
    change.blocks[i] = std::byte(static_cast<uint8_t>(pattern + i / rpmb::kBlockSize + i * 7));
  }
  if (!change.next.key_programmed) {
    change.next.key_programmed = true;
    fill(random, change.next.key);
  }
  ++change.next.write_counter;
  fill(random, change.next.last_mac);
  return change;
}

DiskImage new_pair(uint32_t capacity_units) {
  const hub::ScratchDirectory scratch;
  const rpmb_file::FilePaths paths{.store = scratch.file("store"),
                                   .anchor = scratch.file("anchor")};
  const auto made = rpmb_file::create_store(paths, kKey, capacity_units, std::nullopt);
  EXPECT_TRUE(made.has_value()) << made.error();
  return {.store = read_file(paths.store), .anchor = read_file(paths.anchor)};
}

OpenStore open_store(CrashDisk& disk, const rpmb_file::MasterKey& key) {
  auto opened = hosts::RpmbFile::open(disk,
                                      {.records = disk.committer(CrashDisk::Batch::kRecord),
                                       .data = disk.committer(CrashDisk::Batch::kData)},
                                      key);
  if (!opened) return {nullptr, opened.error()};
  return {std::move(*opened), {}};
}

Model contents_of(hosts::RpmbFile& store) {
  Model model{.state = store.state(),
              .blocks = std::vector<std::byte>(size_t{store.block_count()} * rpmb::kBlockSize)};
  EXPECT_EQ(store.read(0, model.blocks), rpmb::StoreStatus::kDone);
  return model;
}

bool commit(CrashDisk& disk, hosts::RpmbFile& store, const Change& change) {
  Listener listener;
  store.listen(listener);
  if (store.commit(change.next, change.address, change.blocks) != rpmb::StoreStatus::kPending) {
    return false;
  }
  if (!disk.under_way(CrashDisk::Batch::kRecord)) disk.finish(CrashDisk::Batch::kData);
  disk.finish(CrashDisk::Batch::kRecord);
  return listener.committed.value_or(false);
}

}  // namespace stratos::test
