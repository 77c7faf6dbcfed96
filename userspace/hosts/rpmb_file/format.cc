// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/format.h"

#include <algorithm>
#include <string_view>

#include "virtio/endian.h"

namespace stratos::rpmb_file {
namespace {

using virtio::load_le;
using virtio::store_le;

// Superblock
constexpr std::string_view kSuperblockMagic{"StrRPMB\0", 8};
constexpr size_t kVersionAt = 8;
constexpr size_t kRoleAt = 12;
constexpr size_t kCapacityAt = 16;
constexpr size_t kUuidAt = 24;
constexpr size_t kCidAt = 40;
constexpr size_t kKeyIdAt = 56;
constexpr size_t kNonceAt = 64;

// Header of a record
constexpr uint32_t kRecordMagic = 0x63655252;  // "RRec"
constexpr size_t kCountAt = 4;
constexpr size_t kSequenceAt = 8;
constexpr size_t kAddressAt = 16;
constexpr size_t kFlagsAt = 20;
constexpr uint32_t kComplete = 1;
constexpr size_t kRecordUuidAt = 24;
constexpr size_t kPreviousAt = 40;
constexpr size_t kRecordNonceAt = 56;

// Sealed state
constexpr uint8_t kKeyProgrammed = 1;
constexpr size_t kCounterAt = 4;
constexpr size_t kWriteProtectAt = 8;
constexpr size_t kKeyAt = 16;
constexpr size_t kLastMacAt = 48;
constexpr size_t kRootAt = 80;

bool has_magic(const SuperblockPage& page) {
  return std::equal(kSuperblockMagic.begin(), kSuperblockMagic.end(), page.begin(),
                    [](char letter, std::byte byte) { return std::byte(letter) == byte; });
}

template <size_t kSize>
void put(std::byte* at, const std::array<std::byte, kSize>& bytes) {
  std::copy(bytes.begin(), bytes.end(), at);
}

template <size_t kSize>
void get(const std::byte* at, std::array<std::byte, kSize>& bytes) {
  std::copy_n(at, kSize, bytes.begin());
}

}  // namespace

void encode(const Superblock& superblock, SuperblockPage& page) {
  std::fill_n(page.begin(), kSuperblockTagOffset, std::byte{});
  std::byte* at = page.data();
  std::transform(kSuperblockMagic.begin(), kSuperblockMagic.end(), at,
                 [](char letter) { return std::byte(letter); });
  store_le(at + kVersionAt, kFormatVersion);
  store_le(at + kRoleAt, static_cast<uint32_t>(superblock.role));
  store_le(at + kCapacityAt, superblock.capacity_units);
  put(at + kUuidAt, superblock.uuid);
  put(at + kCidAt, superblock.cid);
  put(at + kKeyIdAt, superblock.key_id);
  put(at + kNonceAt, superblock.nonce);
}

std::expected<Superblock, SuperblockError> decode_superblock(const SuperblockPage& page) {
  if (!has_magic(page)) return std::unexpected(SuperblockError::kNoMagic);
  const std::byte* at = page.data();
  if (load_le<uint32_t>(at + kVersionAt) != kFormatVersion) {
    return std::unexpected(SuperblockError::kOtherVersion);
  }
  Superblock superblock;
  const auto role = load_le<uint32_t>(at + kRoleAt);
  superblock.role = role == static_cast<uint32_t>(Role::kStore) ? Role::kStore : Role::kAnchor;
  superblock.capacity_units = load_le<uint32_t>(at + kCapacityAt);
  if (role != static_cast<uint32_t>(superblock.role) || superblock.capacity_units == 0 ||
      superblock.capacity_units > kMaxCapacityUnits) {
    return std::unexpected(SuperblockError::kImpossible);
  }
  get(at + kUuidAt, superblock.uuid);
  get(at + kCidAt, superblock.cid);
  get(at + kKeyIdAt, superblock.key_id);
  get(at + kNonceAt, superblock.nonce);
  return superblock;
}

void encode(const RecordHeader& header, std::span<std::byte, kHeaderSize> into) {
  std::fill(into.begin(), into.end(), std::byte{});
  std::byte* at = into.data();
  store_le(at, kRecordMagic);
  store_le(at + kCountAt, header.count);
  store_le(at + kSequenceAt, header.sequence);
  store_le(at + kAddressAt, header.address);
  store_le(at + kFlagsAt, header.complete ? kComplete : 0U);
  put(at + kRecordUuidAt, header.uuid);
  put(at + kPreviousAt, header.previous);
  put(at + kRecordNonceAt, header.nonce);
}

std::optional<RecordHeader> decode_header(std::span<const std::byte, kHeaderSize> from,
                                          uint32_t blocks) {
  const std::byte* at = from.data();
  if (load_le<uint32_t>(at) != kRecordMagic) return std::nullopt;
  RecordHeader header;
  header.count = load_le<uint32_t>(at + kCountAt);
  header.sequence = load_le<uint64_t>(at + kSequenceAt);
  header.address = load_le<uint32_t>(at + kAddressAt);
  const auto flags = load_le<uint32_t>(at + kFlagsAt);
  header.complete = flags == kComplete;
  if (header.sequence == 0 || flags > kComplete || header.count > rpmb::kMaxCommitBlocks ||
      uint64_t{header.address} + header.count > blocks) {
    return std::nullopt;
  }
  get(at + kRecordUuidAt, header.uuid);
  get(at + kPreviousAt, header.previous);
  get(at + kRecordNonceAt, header.nonce);
  return header;
}

void encode(const SealedState& sealed, std::span<std::byte, kSealedStateSize> into) {
  std::fill(into.begin(), into.end(), std::byte{});
  std::byte* at = into.data();
  *at = std::byte{sealed.state.key_programmed ? kKeyProgrammed : uint8_t{0}};
  store_le(at + kCounterAt, sealed.state.write_counter);
  put(at + kWriteProtectAt, sealed.state.secure_write_protect);
  put(at + kKeyAt, sealed.state.key);
  put(at + kLastMacAt, sealed.state.last_mac);
  put(at + kRootAt, sealed.root);
}

SealedState decode_sealed_state(std::span<const std::byte, kSealedStateSize> from) {
  const std::byte* at = from.data();
  SealedState sealed;
  sealed.state.key_programmed = (*at & std::byte{kKeyProgrammed}) != std::byte{};
  sealed.state.write_counter = load_le<uint32_t>(at + kCounterAt);
  get(at + kWriteProtectAt, sealed.state.secure_write_protect);
  get(at + kKeyAt, sealed.state.key);
  get(at + kLastMacAt, sealed.state.last_mac);
  get(at + kRootAt, sealed.root);
  return sealed;
}

}  // namespace stratos::rpmb_file
