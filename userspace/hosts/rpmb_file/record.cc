// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/record.h"

#include <algorithm>

namespace stratos::rpmb_file {
namespace {

constexpr size_t whole_pages(size_t size) { return (size + kPageSize - 1) / kPageSize * kPageSize; }

}  // namespace

Bytes seal_record(Seal& seal, RecordHeader header, const SealedState& sealed, Bytes blocks,
                  std::span<std::byte> buffer, Tag& tag) {
  if (!fill_random(header.nonce)) return {};
  const size_t size = kBlocksOffset + blocks.size();
  encode(header, buffer.first<kHeaderSize>());
  encode(sealed, buffer.subspan<kSealedOffset, kSealedStateSize>());
  std::copy(blocks.begin(), blocks.end(), buffer.begin() + kBlocksOffset);
  const auto padding = buffer.subspan(size, whole_pages(size) - size);
  std::fill(padding.begin(), padding.end(), std::byte{});
  if (!seal.seal(header.nonce, buffer.first(kHeaderSize),
                 buffer.subspan(kSealedOffset, size - kSealedOffset), tag)) {
    return {};
  }
  std::copy(tag.begin(), tag.end(), buffer.begin() + kRecordTagOffset);
  return buffer.first(whole_pages(size));
}

std::optional<Record> open_record(Seal& seal, const Superblock& superblock, unsigned slot,
                                  std::span<const std::byte, kSlotSize> bytes) {
  const auto header = decode_header(bytes.first<kHeaderSize>(), superblock.block_count());
  if (!header || header->uuid != superblock.uuid || slot_of(header->sequence) != slot) {
    return std::nullopt;
  }
  Record record{.header = *header};
  std::copy_n(bytes.begin() + kRecordTagOffset, record.tag.size(), record.tag.begin());
  const size_t size = record_size(header->count);
  std::vector<std::byte> text(bytes.begin() + kSealedOffset,
                              bytes.begin() + static_cast<ptrdiff_t>(size));
  if (!seal.open(header->nonce, bytes.first(kHeaderSize), text, record.tag)) return std::nullopt;
  record.sealed = decode_sealed_state(std::span(text).first<kSealedStateSize>());
  record.blocks.assign(text.begin() + kSealedStateSize, text.end());
  record.as_sealed.assign(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(whole_pages(size)));
  return record;
}

}  // namespace stratos::rpmb_file
