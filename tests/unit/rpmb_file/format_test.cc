// SPDX-License-Identifier: Apache-2.0
// The bytes on the disk, as Documentation/rpmb.rst has them. The values were computed
// with Python's hashlib, hmac and cryptography.
#include "hosts/rpmb_file/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "hosts/rpmb_file/hex.h"
#include "hosts/rpmb_file/merkle.h"
#include "hosts/rpmb_file/record.h"
#include "hosts/rpmb_file/seal.h"
#include "runtime/mapping.h"

namespace stratos::rpmb_file {
namespace {

template <typename Array>
Array counting_from(unsigned first) {
  Array bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(first + i);
  return bytes;
}

std::string hex_at(Bytes bytes, size_t at, size_t size) { return to_hex(bytes.subspan(at, size)); }

Superblock a_superblock() {
  return {.role = Role::kAnchor,
          .capacity_units = 3,
          .uuid = counting_from<Uuid>(0xa0),
          .cid = counting_from<Cid>(0xb0),
          .key_id = counting_from<KeyId>(0xc0),
          .nonce = counting_from<Nonce>(0xd0)};
}

TEST(FormatTest, ASuperblock) {
  SuperblockPage page;
  page.fill(std::byte{0xee});
  encode(a_superblock(), page);
  EXPECT_EQ(hex_at(page, 0, 24),
            "53747252504d4200"
            "01000000"
            "02000000"
            "03000000"
            "00000000");
  EXPECT_EQ(hex_at(page, 24, 16), "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
  EXPECT_EQ(hex_at(page, 40, 16), "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf");
  EXPECT_EQ(hex_at(page, 56, 8), "c0c1c2c3c4c5c6c7");
  EXPECT_EQ(hex_at(page, 64, 12), "d0d1d2d3d4d5d6d7d8d9dadb");
  EXPECT_TRUE(is_zero(Bytes(page).subspan(76, 4080 - 76)));
  EXPECT_EQ(hex_at(page, 4080, 16), "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee") << "the tag's place";
  const auto decoded = decode_superblock(page);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->role, Role::kAnchor);
  EXPECT_EQ(decoded->capacity_units, 3U);
  EXPECT_EQ(decoded->uuid, a_superblock().uuid);
  EXPECT_EQ(decoded->cid, a_superblock().cid);
  EXPECT_EQ(decoded->key_id, a_superblock().key_id);
  EXPECT_EQ(decoded->nonce, a_superblock().nonce);
}

TEST(FormatTest, FieldsOfASuperblockThatAreNeverWritten) {
  const auto error_with = [](size_t at, uint8_t value) {
    SuperblockPage page{};
    encode(a_superblock(), page);
    page[at] = std::byte{value};
    const auto decoded = decode_superblock(page);
    return decoded ? -1 : static_cast<int>(decoded.error());
  };
  EXPECT_EQ(error_with(0, 'X'), static_cast<int>(SuperblockError::kNoMagic));
  EXPECT_EQ(error_with(8, 2), static_cast<int>(SuperblockError::kOtherVersion));
  EXPECT_EQ(error_with(12, 0), static_cast<int>(SuperblockError::kImpossible));
  EXPECT_EQ(error_with(12, 3), static_cast<int>(SuperblockError::kImpossible));
  EXPECT_EQ(error_with(16, 0), static_cast<int>(SuperblockError::kImpossible));
  EXPECT_EQ(error_with(16, 129), static_cast<int>(SuperblockError::kImpossible));
  EXPECT_EQ(error_with(16, 128), -1);
}

RecordHeader a_header() {
  return {.sequence = 0x0102030405060708,
          .address = 0x01f0,
          .count = 2,
          .complete = true,
          .uuid = counting_from<Uuid>(0xa0),
          .previous = counting_from<Tag>(0xb0),
          .nonce = counting_from<Nonce>(0xc0)};
}

TEST(FormatTest, AHeaderOfARecord) {
  std::array<std::byte, kHeaderSize> bytes;
  bytes.fill(std::byte{0xee});
  encode(a_header(), bytes);
  EXPECT_EQ(to_hex(bytes),
            "52526563"
            "02000000"
            "0807060504030201"
            "f0010000"
            "01000000"
            "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
            "c0c1c2c3c4c5c6c7c8c9cacb" +
                std::string(2 * 44, '0'));
  const auto decoded = decode_header(bytes, 512);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->sequence, a_header().sequence);
  EXPECT_EQ(decoded->address, 0x1f0U);
  EXPECT_EQ(decoded->count, 2U);
  EXPECT_TRUE(decoded->complete);
  EXPECT_EQ(decoded->previous, a_header().previous);
  EXPECT_EQ(decoded->nonce, a_header().nonce);
}

TEST(FormatTest, HeadersThatWereNeverWritten) {
  const auto is_none = [](RecordHeader header) {
    std::array<std::byte, kHeaderSize> bytes;
    encode(header, bytes);
    return !decode_header(bytes, 512).has_value();
  };
  RecordHeader header = a_header();
  header.sequence = 0;
  EXPECT_TRUE(is_none(header));
  header = a_header();
  header.count = 65;
  header.address = 0;
  EXPECT_TRUE(is_none(header));
  header.count = 64;
  EXPECT_FALSE(is_none(header));
  header.address = 512 - 63;
  EXPECT_TRUE(is_none(header)) << "beyond the end";
  header.address = UINT32_MAX;
  EXPECT_TRUE(is_none(header)) << "wraps";
  std::array<std::byte, kHeaderSize> bytes;
  encode(a_header(), bytes);
  bytes[20] = std::byte{2};
  EXPECT_FALSE(decode_header(bytes, 512).has_value()) << "a flag of a later version";
  EXPECT_FALSE(decode_header(std::array<std::byte, kHeaderSize>{}, 512).has_value());
}

TEST(FormatTest, ASealedState) {
  const SealedState sealed{.state = {.key_programmed = true,
                                     .key = counting_from<rpmb::Key>(0x20),
                                     .write_counter = 0x01020304,
                                     .last_mac = counting_from<rpmb::Mac>(0x60),
                                     .secure_write_protect = {std::byte{0x11}, std::byte{0x22}}},
                           .root = counting_from<Digest>(0xa0)};
  std::array<std::byte, kSealedStateSize> bytes;
  bytes.fill(std::byte{0xee});
  encode(sealed, bytes);
  EXPECT_EQ(hex_at(bytes, 0, 16),
            "01000000"
            "04030201"
            "1122"
            "000000000000");
  EXPECT_EQ(hex_at(bytes, 16, 4), "20212223");
  EXPECT_EQ(hex_at(bytes, 48, 4), "60616263");
  EXPECT_EQ(hex_at(bytes, 80, 4), "a0a1a2a3");
  EXPECT_TRUE(is_zero(Bytes(bytes).subspan(112)));
  const SealedState decoded = decode_sealed_state(bytes);
  EXPECT_EQ(decoded.state, sealed.state);
  EXPECT_EQ(decoded.root, sealed.root);
}

TEST(FormatTest, SizesOfFiles) {
  EXPECT_EQ(kDataOffset, 45056U);
  EXPECT_EQ(file_size(Role::kAnchor, 128), 45056U);
  EXPECT_EQ(file_size(Role::kStore, 1), 45056U + 128 * 1024);
  EXPECT_EQ(slot_offset(1), 24576U);
}

TEST(SealTest, TheKeysAndTheCipherAreTheDocumentedOnes) {
  auto seal = Seal::derive(counting_from<MasterKey>(0), counting_from<Uuid>(0xa0));
  ASSERT_TRUE(seal.has_value()) << seal.error();
  EXPECT_EQ(to_hex(seal->key_id()), "4a29b01675635fac");
  const std::string context = "context";
  const std::string secret = "texttexttexttext";
  std::vector<std::byte> text(secret.size());
  std::transform(secret.begin(), secret.end(), text.begin(), [](char c) { return std::byte(c); });
  const auto nonce = counting_from<Nonce>(0);
  Tag tag;
  ASSERT_TRUE(seal->seal(nonce, std::as_bytes(std::span(context)), text, tag));
  EXPECT_EQ(to_hex(text) + to_hex(tag),
            "e196263ff857f4b65f033cdda565198d90344a56464bcaa44caae513e6e175d9");
  Tag wrong = tag;
  wrong[15] ^= std::byte{1};
  std::vector<std::byte> copy = text;
  EXPECT_FALSE(seal->open(nonce, std::as_bytes(std::span(context)), copy, wrong));
  copy = text;
  EXPECT_FALSE(seal->open(nonce, std::as_bytes(std::span(context).first(6)), copy, tag));
  ASSERT_TRUE(seal->open(nonce, std::as_bytes(std::span(context)), text, tag));
  EXPECT_EQ(to_hex(text), "74657874746578747465787474657874");
}

TEST(MerkleTest, TheRootIsTheDocumentedOne) {
  std::vector<std::byte> data(3 * kCapacityUnit);
  EXPECT_EQ(to_hex(MerkleTree(Bytes(data).first(kCapacityUnit)).root()),
            "063e794de9635e4056455b18ff6edd5fd1faf901b410392aa4326597462482e2");
  EXPECT_EQ(to_hex(MerkleTree(data).root()),
            "24d674d4fb8f6ea01b85b2a3fcac391f0a9c10042109f83e429fcb994f1780e2");
  for (size_t i = 0; i < data.size(); ++i) data[i] = std::byte((i / 256 + i * 7) & 0xff);
  EXPECT_EQ(to_hex(MerkleTree(data).root()),
            "f0568c79f589db2d86c1967399211692c46ca671f7522af9c8724449fe0b15b9");
}

TEST(MerkleTest, AReplacedPartGivesTheRootOfTheWhole) {
  std::vector<std::byte> data(3 * kCapacityUnit);
  MerkleTree tree(data);
  struct Part {
    size_t offset, size;
  };
  for (const auto& [offset, size] :
       {Part{0, 256}, Part{256, 4096}, Part{3840, 512}, Part{8192, 16384},
        Part{data.size() - 256, 256}, Part{4096 * 31 + 256, 64 * 256}}) {
    const std::vector<std::byte> blocks(size, std::byte(offset / 256 + 1));
    const Digest root = tree.replace(data, offset, blocks);
    std::copy(blocks.begin(), blocks.end(), data.begin() + static_cast<ptrdiff_t>(offset));
    EXPECT_EQ(root, MerkleTree(data).root()) << offset;
  }
}

TEST(HexTest, TakesDigitsAndNothingElse) {
  EXPECT_EQ(from_hex<2>("0aF1"), (std::array{std::byte{0x0a}, std::byte{0xf1}}));
  for (const char* text : {"", "0a", "0aF", "0aF1 ", "0x01", "+1+1", "0ag1", "0a 1"}) {
    EXPECT_FALSE(from_hex<2>(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace stratos::rpmb_file
