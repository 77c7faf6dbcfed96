// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace stratos::rpmb_file {
namespace {

using Error = std::unexpected<std::string>;

constexpr size_t kReadSize = size_t{64} * 1024;

const char* word(Role role) { return role == Role::kStore ? "store" : "anchor"; }

Error cannot(const char* what, const std::string& path, const std::error_code& error) {
  return Error(fmt::format("{}: cannot {}: {}", path, what, error.message()));
}

Error explain(SuperblockError error, const std::string& path, Role role) {
  switch (error) {
    case SuperblockError::kNoMagic:
      return Error(
          fmt::format("{}: this is no RPMB {} (or its creation was cut short); make one with "
                      "stratos-rpmb create, which never overwrites a file",
                      path, word(role)));
    case SuperblockError::kOtherVersion:
      return Error(fmt::format(
          "{}: another version of the store format than {}; use the Stratos that made it", path,
          kFormatVersion));
    case SuperblockError::kImpossible:
      break;
  }
  return Error(fmt::format("{}: the superblock is damaged; restore a backup", path));
}

// Reads the superblock and makes sure that it is ours.
std::expected<std::pair<Superblock, Seal>, std::string> read_superblock(Medium& medium, Role role,
                                                                        const MasterKey& master) {
  const std::string& path = medium.name(role);
  SuperblockPage page{};
  if (medium.size(role) >= page.size()) {
    if (const auto error = medium.read(role, 0, page)) return cannot("read", path, error);
  }
  const auto superblock = decode_superblock(page);
  if (!superblock) return explain(superblock.error(), path, role);
  if (superblock->role != role) {
    return Error(fmt::format("{}: this is the {}, not the {}; give each its own path", path,
                             word(superblock->role), word(role)));
  }
  auto seal = Seal::derive(master, superblock->uuid);
  if (!seal) return Error(std::move(seal.error()));
  if (seal->key_id() != superblock->key_id) {
    return Error(fmt::format("{}: sealed with another key; give the key it was made with", path));
  }
  if (!open_superblock(*seal, *superblock, page)) {
    return explain(SuperblockError::kImpossible, path, role);
  }
  const uint64_t size = file_size(role, superblock->capacity_units);
  if (medium.size(role) != size) {
    return Error(fmt::format("{}: {} bytes long instead of {}; restore a backup", path,
                             medium.size(role), size));
  }
  return std::pair(*superblock, std::move(*seal));
}

std::string explain(Refusal refusal, const Medium& medium, const Slots& store,
                    const Slots& anchor) {
  const std::string& store_name = medium.name(Role::kStore);
  const std::string& anchor_name = medium.name(Role::kAnchor);
  switch (refusal) {
    case Refusal::kStoreEmpty:
      return fmt::format("{}: no record is intact; restore a backup", store_name);
    case Refusal::kAnchorEmpty:
      return fmt::format(
          "{}: no record is intact, so nothing tells whether {} was rolled back; see "
          "stratos-rpmb restore --accept-rollback",
          anchor_name, store_name);
    case Refusal::kStoreRolledBack:
      return fmt::format(
          "{}: rolled back: it ends at commit {}, its anchor {} knows commit {}; put the newest "
          "store back, or see stratos-rpmb restore --accept-rollback",
          store_name, newest_sequence(store), anchor_name, newest_sequence(anchor));
    case Refusal::kAnchorRolledBack:
      return fmt::format(
          "{}: the anchor was rolled back: it ends at commit {}, {} at commit {}; put the newest "
          "anchor back, or see stratos-rpmb restore --accept-rollback",
          anchor_name, newest_sequence(anchor), store_name, newest_sequence(store));
    case Refusal::kForked:
      break;
  }
  return fmt::format(
      "{}: the records there and in its anchor do not follow from each other: copies of them were "
      "used apart; put a store and an anchor back that belong together",
      store_name);
}

// All zeros stay untouched memory.
std::error_code read_data(Medium& medium, std::span<std::byte> data) {
  std::vector<std::byte> piece(kReadSize);
  for (size_t at = 0; at < data.size(); at += piece.size()) {
    if (const auto error = medium.read(Role::kStore, kDataOffset + at, piece)) return error;
    for (size_t page = 0; page < piece.size(); page += kPageSize) {
      const Bytes bytes = Bytes(piece).subspan(page, kPageSize);
      if (!is_zero(bytes)) std::copy(bytes.begin(), bytes.end(), &data[at + page]);
    }
  }
  return {};
}

void redo(const Record& record, std::span<std::byte> data) {
  const auto at = data.subspan(size_t{record.header.address} * rpmb::kBlockSize);
  std::copy(record.blocks.begin(), record.blocks.end(), at.begin());
}

}  // namespace

Slots SealedFile::summary() const {
  Slots slots;
  for (unsigned i = 0; i < kSlots; ++i) {
    if (!records[i]) continue;
    slots[i] = SlotSummary{.sequence = records[i]->header.sequence,
                           .tag = records[i]->tag,
                           .previous = records[i]->header.previous,
                           .complete = records[i]->header.complete};
  }
  return slots;
}

std::expected<SealedFile, std::string> read_sealed_file(Medium& medium, Role role,
                                                        const MasterKey& master) {
  auto superblock = read_superblock(medium, role, master);
  if (!superblock) return Error(std::move(superblock.error()));
  SealedFile file{
      .superblock = superblock->first, .seal = std::move(superblock->second), .records = {}};
  std::vector<std::byte> bytes(kSlotSize);
  for (unsigned i = 0; i < kSlots; ++i) {
    if (const auto error = medium.read(role, slot_offset(i), bytes)) {
      return cannot("read", medium.name(role), error);
    }
    file.records[i] =
        open_record(file.seal, file.superblock, i, std::span(bytes).first<kSlotSize>());
  }
  return file;
}

std::expected<Contents, std::string> load(Medium& medium, const MasterKey& master) {
  auto store = read_sealed_file(medium, Role::kStore, master);
  if (!store) return Error(std::move(store.error()));
  const Slots store_slots = store->summary();
  std::expected<Plan, Refusal> plan = recover_alone(store_slots);
  std::optional<SealedFile> anchor;
  if (medium.has(Role::kAnchor)) {
    auto read = read_sealed_file(medium, Role::kAnchor, master);
    if (!read) return Error(std::move(read.error()));
    if (read->superblock.uuid != store->superblock.uuid) {
      return Error(fmt::format("{}: the anchor of another store than {}; give each store its own",
                               medium.name(Role::kAnchor), medium.name(Role::kStore)));
    }
    plan = recover(store_slots, read->summary());
    anchor = std::move(*read);
  }
  if (!plan) {
    return Error(explain(plan.error(), medium, store_slots, anchor ? anchor->summary() : Slots{}));
  }
  auto anchor_slots = anchor ? std::optional(anchor->summary()) : std::nullopt;
  const auto take = [&](const SlotName& name) {
    return std::move(*(name.file == Role::kStore ? *store : *anchor).records[name.slot]);
  };
  Record newest = take(plan->newest);
  std::optional<Record> before;
  if (plan->before) before = take(*plan->before);

  auto data = runtime::Mapping::anonymous(size_t{store->superblock.capacity_units} * kCapacityUnit);
  if (!data) return cannot("hold", medium.name(Role::kStore), data.error());
  if (const auto error = read_data(medium, data->bytes())) {
    return cannot("read", medium.name(Role::kStore), error);
  }
  if (before) redo(*before, data->bytes());
  redo(newest, data->bytes());
  MerkleTree tree(data->bytes());
  if (tree.root() != newest.sealed.root) {
    return Error(
        fmt::format("{}: the data is not what commit {} left there: damaged or tampered "
                    "with; restore a backup",
                    medium.name(Role::kStore), newest.header.sequence));
  }
  return Contents{.superblock = store->superblock,
                  .seal = std::move(store->seal),
                  .store_slots = store_slots,
                  .anchor_slots = anchor_slots,
                  .newest = std::move(newest),
                  .before = std::move(before),
                  .data = std::move(*data),
                  .tree = std::move(tree)};
}

std::expected<void, std::string> settle(Medium& medium, const Contents& contents) {
  const Record& newest = contents.newest;
  const uint64_t offset = slot_offset(slot_of(newest.header.sequence));
  // The record first: as long as it is not durable, the data must not need it.
  const std::array<Write, 2> records = {Write{Role::kStore, offset, newest.as_sealed},
                                        Write{Role::kAnchor, offset, newest.as_sealed}};
  const auto range_of = [](const Record& record) {
    return BlockRange{.address = record.header.address, .count = record.header.count};
  };
  std::vector<Write> data{pages_of(contents.data.bytes(), range_of(newest))};
  if (contents.before) {
    data.push_back(pages_of(contents.data.bytes(), range_of(*contents.before)));
  }
  auto error = medium.write(records);
  if (!error) error = medium.write(data);
  if (error) {
    return Error(fmt::format("{} or {}: cannot write: {}", medium.name(Role::kStore),
                             medium.name(Role::kAnchor), error.message()));
  }
  return {};
}

Write pages_of(Bytes data, BlockRange range) {
  if (range.count == 0) return {Role::kStore, kDataOffset, {}};
  const size_t first = size_t{range.address} * rpmb::kBlockSize / kPageSize * kPageSize;
  const size_t end = (size_t{range.address} + range.count) * rpmb::kBlockSize;
  const size_t pages = (end - first + kPageSize - 1) / kPageSize;
  return {Role::kStore, kDataOffset + first, data.subspan(first, pages * kPageSize)};
}

}  // namespace stratos::rpmb_file
