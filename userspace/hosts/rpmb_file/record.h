// SPDX-License-Identifier: Apache-2.0
// A record: one commit, sealed, in one piece.

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hosts/rpmb_file/format.h"
#include "hosts/rpmb_file/seal.h"

namespace stratos::rpmb_file {

struct Record {
  RecordHeader header{};
  Tag tag{};
  SealedState sealed{};
  std::vector<std::byte> blocks{};
  std::vector<std::byte> as_sealed{};  // whole pages, as they lie in the slot
};

// Seals a record into `buffer`, which has room for a slot, with a new nonce. Returns the
// whole pages to write, none if OpenSSL or the kernel failed. Does not allocate.
Bytes seal_record(Seal& seal, RecordHeader header, const SealedState& sealed, Bytes blocks,
                  std::span<std::byte> buffer, Tag& tag);

// The record in `slot`; nullopt if there is none that this store wrote into that slot.
std::optional<Record> open_record(Seal& seal, const Superblock& superblock, unsigned slot,
                                  std::span<const std::byte, kSlotSize> bytes);

}  // namespace stratos::rpmb_file
