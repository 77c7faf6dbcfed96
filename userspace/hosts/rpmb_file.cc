// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hosts/rpmb_file/file_medium.h"
#include "hosts/rpmb_file/seal_key.h"
#include "hosts/rpmb_file/uring_committer.h"

namespace stratos::hosts {

using rpmb::StoreStatus;
using rpmb_file::Role;

std::expected<std::unique_ptr<RpmbFile>, std::string> RpmbFile::open(runtime::Loop& loop,
                                                                     const Options& options) {
  if (options.anchor.empty()) {
    return std::unexpected(
        fmt::format("{}: needs an anchor, or nobody could tell an old copy", options.store));
  }
  const auto key =
      rpmb_file::read_master_key({.file = options.key_file, .credential = options.key_credential});
  if (!key) return std::unexpected(key.error());
  auto opened = rpmb_file::FileMedium::open({.store = options.store, .anchor = options.anchor},
                                            runtime::LockKind::kExclusive);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const std::shared_ptr<rpmb_file::FileMedium> files = std::move(*opened);
  auto store = open(*files,
                    {.records = std::make_unique<rpmb_file::UringCommitter>(loop, files),
                     .data = std::make_unique<rpmb_file::UringCommitter>(loop, files)},
                    *key);
  files->bypass_cache();
  return store;
}

std::expected<std::unique_ptr<RpmbFile>, std::string> RpmbFile::open(
    rpmb_file::Medium& medium, Committers committers, const rpmb_file::MasterKey& key) {
  auto contents = rpmb_file::load(medium, key);
  if (!contents) return std::unexpected(std::move(contents.error()));
  auto settled = rpmb_file::settle(medium, *contents);
  if (!settled) return std::unexpected(std::move(settled.error()));
  auto record = runtime::Mapping::anonymous(rpmb_file::kSlotSize);
  if (!record) return std::unexpected(record.error().message());
  return std::unique_ptr<RpmbFile>(new RpmbFile(std::move(*contents), std::move(*record),
                                                medium.name(Role::kStore), std::move(committers)));
}

RpmbFile::RpmbFile(rpmb_file::Contents contents, runtime::Mapping record, std::string name,
                   Committers committers)
    : log_(fmt::format("rpmb store {}", name)),
      superblock_(contents.superblock),
      seal_(std::move(contents.seal)),
      memory_(std::make_shared<Memory>(std::move(contents.data), std::move(record))),
      tree_(std::move(contents.tree)),
      committers_(std::move(committers)),
      sequence_(contents.newest.header.sequence),
      state_(contents.newest.sealed.state),
      tag_(contents.newest.tag) {}

RpmbFile::~RpmbFile() = default;

StoreStatus RpmbFile::read(uint32_t address, std::span<std::byte> into) {
  if (failed_ || pending_ || !in_range(address, into.size())) return StoreStatus::kFailed;
  const auto from = memory_->data.bytes().subspan(size_t{address} * rpmb::kBlockSize);
  std::copy_n(from.begin(), into.size(), into.begin());
  return StoreStatus::kDone;
}

StoreStatus RpmbFile::commit(const rpmb::State& next, uint32_t address,
                             std::span<const std::byte> blocks) {
  if (failed_ || pending_ || !in_range(address, blocks.size()) ||
      blocks.size() > rpmb::kMaxCommitBlocks * rpmb::kBlockSize) {
    return StoreStatus::kFailed;
  }
  next_ = next;
  range_ = {.address = address, .count = static_cast<uint32_t>(blocks.size() / rpmb::kBlockSize)};
  pending_ = seal(blocks);
  if (!pending_) {
    failed_ = true;  // the tree is ahead of the data now
    return StoreStatus::kFailed;
  }
  if (!last_waits_) write_record();
  return StoreStatus::kPending;
}

bool RpmbFile::in_range(uint32_t address, size_t size) const {
  return size % rpmb::kBlockSize == 0 &&
         uint64_t{address} + size / rpmb::kBlockSize <= superblock_.block_count();
}

bool RpmbFile::seal(std::span<const std::byte> blocks) {
  blocks_ = blocks;
  const rpmb_file::RecordHeader header{.sequence = sequence_ + 1,
                                       .address = range_.address,
                                       .count = range_.count,
                                       .uuid = superblock_.uuid,
                                       .previous = tag_,
                                       .nonce = {}};
  const rpmb_file::SealedState sealed{
      .state = next_,
      .root =
          tree_.replace(memory_->data.bytes(), size_t{range_.address} * rpmb::kBlockSize, blocks)};
  record_ =
      rpmb_file::seal_record(seal_, header, sealed, blocks, memory_->record.bytes(), next_tag_);
  if (!record_.empty()) return true;
  log_.error("cannot seal a commit; nothing works until the store is opened again");
  return false;
}

// The new record replaces the last but one, whose blocks have to be in their place by now;
// those of the last may still be on their way.
void RpmbFile::write_record() {
  const uint64_t slot = rpmb_file::slot_offset(rpmb_file::slot_of(sequence_ + 1));
  const auto record = std::exchange(record_, {});
  const std::array<rpmb_file::Write, 2> writes = {
      rpmb_file::Write{Role::kStore, slot, record},
      rpmb_file::Write{Role::kAnchor, slot, record},
  };
  committers_.records->begin(writes, memory_, record_written_);
}

void RpmbFile::on_record_written(int error) {
  pending_ = false;
  if (error != 0) {
    fail(error);
  } else {
    // Blocks that are on their way may change under the disk's hands: this record is
    // durable, so that a recovery does both over again.
    const auto at = memory_->data.bytes().subspan(size_t{range_.address} * rpmb::kBlockSize);
    std::copy(blocks_.begin(), blocks_.end(), at.begin());
    state_ = next_;
    tag_ = next_tag_;
    ++sequence_;
    last_ = range_;
    last_waits_ = true;
    if (!placing_) put_in_place();
  }
  listener_->on_committed(error == 0);
}

// Nobody waits for this but the commit after the next.
void RpmbFile::put_in_place() {
  if (failed_ || !std::exchange(last_waits_, false) || last_.count == 0) return;
  placing_ = true;
  const std::array<rpmb_file::Write, 1> writes = {
      rpmb_file::pages_of(memory_->data.bytes(), last_)};
  committers_.data->begin(writes, memory_, data_written_);
}

void RpmbFile::on_data_written(int error) {
  placing_ = false;
  if (error != 0) fail(error);
  put_in_place();
  if (record_.empty()) return;  // no commit waits for this
  if (!failed_) return write_record();
  record_ = {};
  pending_ = false;
  listener_->on_committed(false);
}

void RpmbFile::fail(int error) {
  failed_ = true;
  log_.error("cannot write: {}; nothing works until the store is opened again",
             std::error_code(error, std::system_category()).message());
}

}  // namespace stratos::hosts
