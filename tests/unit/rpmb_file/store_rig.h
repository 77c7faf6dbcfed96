// SPDX-License-Identifier: Apache-2.0
// A store on a CrashDisk, and what it should hold.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "hosts/rpmb_file.h"
#include "hosts/rpmb_file/create.h"
#include "hub/scratch_directory.h"
#include "rpmb_file/crash_disk.h"

namespace stratos::test {

// What a store holds: the model that every recovery is compared with.
struct Model {
  rpmb::State state;
  std::vector<std::byte> blocks;

  friend bool operator==(const Model&, const Model&) = default;
};

// One commit.
struct Change {
  rpmb::State next;
  uint32_t address = 0;
  std::vector<std::byte> blocks;

  void apply_to(Model& model) const;
};

// A random one, of at most `most` blocks.
Change random_change(std::mt19937_64& random, const Model& model, uint32_t most);

inline constexpr rpmb_file::MasterKey kKey = {std::byte{0x42}, std::byte{7}};

// A new pair, made by create_store() with kKey.
DiskImage new_pair(uint32_t capacity_units = 1);
inline Model new_model(uint32_t capacity_units = 1) {
  return {.state = {},
          .blocks = std::vector<std::byte>(size_t{capacity_units} * rpmb_file::kCapacityUnit)};
}

// Remembers the last answer.
struct Listener final : rpmb::StoreListener {
  void on_read(bool) override { ADD_FAILURE() << "reads are never pending"; }
  void on_committed(bool ok) override { committed = ok; }
  std::optional<bool> committed;
};

struct OpenStore {
  std::unique_ptr<hosts::RpmbFile> store;
  std::string error;  // if it was refused
};
OpenStore open_store(CrashDisk& disk, const rpmb_file::MasterKey& key = kKey);

Model contents_of(hosts::RpmbFile& store);
// Commits and waits; false if it failed. Data are put in place as late as can be.
bool commit(CrashDisk& disk, hosts::RpmbFile& store, const Change& change);

}  // namespace stratos::test
