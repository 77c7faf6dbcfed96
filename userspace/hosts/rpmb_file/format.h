// SPDX-License-Identifier: Apache-2.0
// How a store and its anchor lie on the disk: Documentation/rpmb.rst, "The store on
// disk". All integers are little endian.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "devices/rpmb/store.h"

namespace stratos::rpmb_file {

using Bytes = std::span<const std::byte>;
using Uuid = std::array<std::byte, 16>;
using Cid = std::array<std::byte, 16>;
using Nonce = std::array<std::byte, 12>;
using Tag = std::array<std::byte, 16>;
using KeyId = std::array<std::byte, 8>;
using Digest = std::array<std::byte, 32>;

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kPageSize = 4096;  // of a Merkle leaf, and what every write is made of

inline constexpr uint32_t kCapacityUnit = 128 * 1024;
inline constexpr uint32_t kMaxCapacityUnits = 128;
inline constexpr uint32_t kBlocksPerUnit = kCapacityUnit / rpmb::kBlockSize;

// Superblock, slot 0, slot 1, and in the store the data.
inline constexpr size_t kSuperblockSize = kPageSize;
inline constexpr unsigned kSlots = 2;
inline constexpr size_t kSlotSize = 5 * kPageSize;
inline constexpr uint64_t kDataOffset = kSuperblockSize + kSlots * kSlotSize;
constexpr uint64_t slot_offset(unsigned slot) { return kSuperblockSize + slot * kSlotSize; }
// Record N lies in this slot, so that it replaces record N - 2.
constexpr unsigned slot_of(uint64_t sequence) { return static_cast<unsigned>(sequence % kSlots); }

enum class Role : uint32_t { kStore = 1, kAnchor = 2 };

constexpr uint64_t file_size(Role role, uint32_t capacity_units) {
  return kDataOffset + (role == Role::kStore ? uint64_t{capacity_units} * kCapacityUnit : 0);
}

struct Superblock {
  Role role = Role::kStore;
  uint32_t capacity_units = 0;
  Uuid uuid{};
  Cid cid{};
  KeyId key_id{};
  Nonce nonce{};

  uint32_t block_count() const { return capacity_units * kBlocksPerUnit; }
};

using SuperblockPage = std::array<std::byte, kSuperblockSize>;
// The tag ends the page; all before it is authenticated.
inline constexpr size_t kSuperblockTagOffset = kSuperblockSize - sizeof(Tag);

enum class SuperblockError : uint8_t {
  kNoMagic,       // no store of ours
  kOtherVersion,  // of a later format
  kImpossible,    // a field has a value that is never written
};

void encode(const Superblock& superblock, SuperblockPage& page);  // leaves the tag alone
// What the page says; nothing of it is authenticated yet.
std::expected<Superblock, SuperblockError> decode_superblock(const SuperblockPage& page);

// A record: this header, the tag, then what is sealed: a SealedState and blocks.
struct RecordHeader {
  uint64_t sequence = 0;  // from 1
  uint32_t address = 0;   // of the first block
  uint32_t count = 0;     // of blocks, at most rpmb::kMaxCommitBlocks
  // The data that this record was made with lacks nothing that came before: a restored
  // backup, whose data do not follow from the record before.
  bool complete = false;
  Uuid uuid{};
  Tag previous{};  // tag of the record before; 0 in the first
  Nonce nonce{};
};

inline constexpr size_t kHeaderSize = 112;  // all of it authenticated
inline constexpr size_t kRecordTagOffset = kHeaderSize;
inline constexpr size_t kSealedOffset = kRecordTagOffset + sizeof(Tag);
inline constexpr size_t kSealedStateSize = 128;
inline constexpr size_t kBlocksOffset = kSealedOffset + kSealedStateSize;
static_assert(kBlocksOffset + rpmb::kMaxCommitBlocks * rpmb::kBlockSize <= kSlotSize);

constexpr size_t record_size(uint32_t count) {
  return kBlocksOffset + size_t{count} * rpmb::kBlockSize;
}

void encode(const RecordHeader& header, std::span<std::byte, kHeaderSize> into);
// nullopt if no such header was ever written. `blocks` is the size of the store.
std::optional<RecordHeader> decode_header(std::span<const std::byte, kHeaderSize> from,
                                          uint32_t blocks);

struct SealedState {
  rpmb::State state{};
  Digest root{};  // of the data, after this record
};

void encode(const SealedState& sealed, std::span<std::byte, kSealedStateSize> into);
SealedState decode_sealed_state(std::span<const std::byte, kSealedStateSize> from);

}  // namespace stratos::rpmb_file
