// SPDX-License-Identifier: Apache-2.0
// Commits through io_uring, both files at the same time. Where the page cache can be
// bypassed each write is durable by itself; else one sync follows the writes of a file.

#pragma once

#include <array>
#include <memory>
#include <span>

#include "hosts/rpmb_file/file_medium.h"
#include "hosts/rpmb_file/medium.h"
#include "runtime/loop.h"

namespace stratos::rpmb_file {

class UringCommitter final : public Committer {
 public:
  // `loop` outlives the committer; `files` stay open and locked until the last write is
  // through.
  UringCommitter(runtime::Loop& loop, std::shared_ptr<const FileMedium> files);
  ~UringCommitter() override;
  UringCommitter(const UringCommitter&) = delete;
  UringCommitter& operator=(const UringCommitter&) = delete;

  void begin(std::span<const Write> writes, std::shared_ptr<const void> memory,
             CommitListener& listener) override;

 private:
  struct Step;
  // The writes, and a sync of each file.
  static constexpr size_t kMaxSteps = kMaxWrites + 2;

  void submit(Role file, std::span<const Write> writes, const std::shared_ptr<const void>& memory);
  void completed(int error);

  runtime::Loop& loop_;
  const std::shared_ptr<const FileMedium> files_;
  std::array<std::unique_ptr<Step>, kMaxSteps> steps_;
  size_t used_ = 0;     // steps of this commit
  size_t waiting_ = 0;  // of these, not completed
  int error_ = 0;
  CommitListener* listener_ = nullptr;
};

}  // namespace stratos::rpmb_file
