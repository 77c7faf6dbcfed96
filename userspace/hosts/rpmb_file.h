// SPDX-License-Identifier: Apache-2.0
// The store of an RPMB device in a file, with its anchor in a second one.
//
// Whatever dies at whatever instant, the store is afterwards as the last commit left it,
// or as the one before did if the last was not reported done. A store that is torn
// beyond that, foreign, or older than its anchor is refused. How: Documentation/rpmb.rst.

#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "devices/rpmb/store.h"
#include "hosts/rpmb_file/contents.h"
#include "hosts/rpmb_file/medium.h"
#include "hosts/rpmb_file/seal.h"
#include "runtime/log.h"
#include "runtime/loop.h"

namespace stratos::hosts {

class RpmbFile final : public rpmb::Store {
 public:
  struct Options {
    std::string store{};   // path
    std::string anchor{};  // path, ideally on another disk
    // The sealing key: a file, or a credential of systemd. One of the two.
    std::string key_file{};
    std::string key_credential{};
  };

  // Opens, locks, checks and recovers; blocks for as long as that takes, up to two
  // seconds more if a predecessor dies just now. Makes nothing that was not there.
  // `loop` outlives the store; commits use IORING_OP_WRITE and IORING_OP_FSYNC. The error
  // is one line that says what to do.
  static std::expected<std::unique_ptr<RpmbFile>, std::string> open(runtime::Loop& loop,
                                                                    const Options& options);
  // What writes records, and what writes the data behind them.
  struct Committers {
    std::unique_ptr<rpmb_file::Committer> records;
    std::unique_ptr<rpmb_file::Committer> data;
  };
  // The same over any medium, which is not needed any more afterwards.
  static std::expected<std::unique_ptr<RpmbFile>, std::string> open(
      rpmb_file::Medium& medium, Committers committers, const rpmb_file::MasterKey& key);

  // A commit that is pending may or may not happen; its listener does not hear of it.
  ~RpmbFile();
  RpmbFile(const RpmbFile&) = delete;
  RpmbFile& operator=(const RpmbFile&) = delete;

  // What an eMMC would have as its CID: never changes, and no other store has it.
  const rpmb_file::Cid& cid() const { return superblock_.cid; }
  // Of the last commit that is done.
  uint64_t sequence() const { return sequence_; }
  // After an I/O error nothing works any more; opening the store again tells what is there.
  bool failed() const { return failed_; }

  void listen(rpmb::StoreListener& listener) override { listener_ = &listener; }
  uint32_t block_count() const override { return superblock_.block_count(); }
  const rpmb::State& state() const override { return state_; }
  // Answered from memory, at once; kFailed while a commit is pending.
  rpmb::StoreStatus read(uint32_t address, std::span<std::byte> into) override;
  // kPending, or kFailed; the latter while another is pending, too.
  rpmb::StoreStatus commit(const rpmb::State& next, uint32_t address,
                           std::span<const std::byte> blocks) override;

 private:
  // What the kernel reads from.
  struct Memory {
    runtime::Mapping data;    // as of the last commit that is done
    runtime::Mapping record;  // of the one under way
  };

  // Hears of one kind of batch.
  struct Written final : rpmb_file::CommitListener {
    Written(RpmbFile& file, void (RpmbFile::*to_call)(int error)) : owner(file), then(to_call) {}
    void on_written(int error) override { (owner.*then)(error); }
    RpmbFile& owner;
    void (RpmbFile::*then)(int error);
  };

  RpmbFile(rpmb_file::Contents contents, runtime::Mapping record, std::string name,
           Committers committers);
  bool in_range(uint32_t address, size_t size) const;
  bool seal(std::span<const std::byte> blocks);
  void write_record();
  void on_record_written(int error);
  void put_in_place();
  void on_data_written(int error);
  void fail(int error);

  runtime::Log log_;
  const rpmb_file::Superblock superblock_;
  rpmb_file::Seal seal_;
  const std::shared_ptr<Memory> memory_;
  rpmb_file::MerkleTree tree_;
  Written record_written_{*this, &RpmbFile::on_record_written};
  Written data_written_{*this, &RpmbFile::on_data_written};
  const Committers committers_;
  rpmb::StoreListener* listener_ = nullptr;

  // As of the last commit that is done. Its record protects its blocks until they are
  // where they belong.
  uint64_t sequence_;
  rpmb::State state_;
  rpmb_file::Tag tag_;
  rpmb_file::BlockRange last_{};
  bool last_waits_ = false;  // last_ is to be put in place,
  bool placing_ = false;     // once the blocks that are on their way there are through

  // The one under way.
  bool pending_ = false;
  rpmb_file::Bytes record_{};  // sealed; empty once it is on its way
  rpmb::State next_;
  rpmb_file::Tag next_tag_{};
  rpmb_file::BlockRange range_{};
  std::span<const std::byte> blocks_;

  bool failed_ = false;
};

}  // namespace stratos::hosts
