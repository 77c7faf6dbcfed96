// SPDX-License-Identifier: Apache-2.0
// What a store holds, once it has been read, authenticated and brought up to its last
// commit in memory.

#pragma once

#include <expected>
#include <optional>
#include <string>

#include "hosts/rpmb_file/format.h"
#include "hosts/rpmb_file/medium.h"
#include "hosts/rpmb_file/merkle.h"
#include "hosts/rpmb_file/record.h"
#include "hosts/rpmb_file/recovery.h"
#include "hosts/rpmb_file/seal.h"
#include "runtime/mapping.h"

namespace stratos::rpmb_file {

// Blocks that one commit wrote.
struct BlockRange {
  uint32_t address = 0;
  uint32_t count = 0;
};

struct Contents {
  Superblock superblock;
  Seal seal;
  Slots store_slots;
  std::optional<Slots> anchor_slots;  // none: a backup
  Record newest;
  std::optional<Record> before;
  runtime::Mapping data;
  MerkleTree tree;
};

// One file's superblock, authenticated, and whatever of its slots is.
struct SealedFile {
  Superblock superblock;
  Seal seal;
  std::array<std::optional<Record>, kSlots> records;

  Slots summary() const;
};
std::expected<SealedFile, std::string> read_sealed_file(Medium& medium, Role role,
                                                        const MasterKey& master);

// Writes nothing. The error is one line that says what to do.
std::expected<Contents, std::string> load(Medium& medium, const MasterKey& master);

// Makes durable, in both files, what load() found; must come before anybody hears of
// it, for all of it may so far be in the kernel's memory only.
std::expected<void, std::string> settle(Medium& medium, const Contents& contents);

// The whole pages of `data` that have a range of blocks.
Write pages_of(Bytes data, BlockRange range);

}  // namespace stratos::rpmb_file
