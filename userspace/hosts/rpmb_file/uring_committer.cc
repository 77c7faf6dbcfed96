// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/uring_committer.h"

#include <liburing.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace stratos::rpmb_file {

struct UringCommitter::Step final : runtime::OwnedOperation {
  explicit Step(UringCommitter& committer) : owner(committer) {}

  void on_complete(int32_t result, uint32_t /*flags*/) override {
    files.reset();
    memory.reset();
    // A file has all its room from the start, so less than everything is a failure too.
    const bool whole = result >= 0 && static_cast<uint32_t>(result) == expected;
    owner.completed(whole ? 0 : result < 0 ? -result : EIO);
  }

  UringCommitter& owner;
  // While it is pending: where it writes, and what.
  std::shared_ptr<const FileMedium> files;
  std::shared_ptr<const void> memory;
  uint32_t expected = 0;  // bytes
};

UringCommitter::UringCommitter(runtime::Loop& loop, std::shared_ptr<const FileMedium> files)
    : loop_(loop), files_(std::move(files)) {
  for (auto& step : steps_) step = std::make_unique<Step>(*this);
}

UringCommitter::~UringCommitter() {
  for (auto& step : steps_) loop_.retire(std::move(step));
}

void UringCommitter::begin(std::span<const Write> writes, std::shared_ptr<const void> memory,
                           CommitListener& listener) {
  listener_ = &listener;
  error_ = 0;
  used_ = 0;
  // A chain that reached the kernel in two parts would be two chains.
  loop_.reserve(kMaxSteps);
  submit(Role::kStore, writes, memory);
  submit(Role::kAnchor, writes, memory);
  waiting_ = used_;
}

void UringCommitter::submit(Role file, std::span<const Write> writes,
                            const std::shared_ptr<const void>& memory) {
  const auto goes_there = [file](const Write& write) { return write.file == file; };
  if (std::ranges::none_of(writes, goes_there)) return;
  const bool direct = files_->bypasses_cache(file);
  for (const Write& write : writes) {
    if (!goes_there(write)) continue;
    Step& step = *steps_[used_++];
    step.files = files_;
    step.memory = memory;
    step.expected = static_cast<uint32_t>(write.bytes.size());
    io_uring_sqe* entry = loop_.prepare(step);
    io_uring_prep_write(entry, files_->fd(file), write.bytes.data(), step.expected, write.offset);
    if (direct) {
      entry->rw_flags = RWF_DSYNC;
    } else {
      entry->flags |= IOSQE_IO_LINK;
    }
  }
  if (direct) return;
  Step& sync = *steps_[used_++];
  sync.files = files_;
  sync.expected = 0;
  io_uring_prep_fsync(loop_.prepare(sync), files_->fd(file), IORING_FSYNC_DATASYNC);
}

// A failure cancels the rest of its chain; the first one is what went wrong.
void UringCommitter::completed(int error) {
  if (error != 0 && (error_ == 0 || error_ == ECANCELED)) error_ = error;
  if (--waiting_ > 0) return;
  listener_->on_written(error_);
}

}  // namespace stratos::rpmb_file
