// SPDX-License-Identifier: Apache-2.0
// The two files of a store, open and locked.

#pragma once

#include <expected>
#include <memory>
#include <string>

#include "hosts/rpmb_file/medium.h"
#include "runtime/afterlife.h"
#include "runtime/file_lock.h"
#include "runtime/unique_fd.h"

namespace stratos::rpmb_file {

struct FilePaths {
  std::string store;
  std::string anchor;  // empty: none, the store is a backup
};

class FileMedium final : public Medium {
 public:
  // Exclusive to write, shared to read; both files are locked, so that a store cannot be
  // used twice and neither can an anchor. The error is one line that says what to do.
  static std::expected<std::unique_ptr<FileMedium>, std::string> open(
      const FilePaths& paths, runtime::LockKind kind,
      std::chrono::milliseconds patience = runtime::kAfterlife);

  // The anchor alone: its store is still to be made.
  static std::expected<std::unique_ptr<FileMedium>, std::string> open_anchor(
      const std::string& path, runtime::LockKind kind,
      std::chrono::milliseconds patience = runtime::kAfterlife);

  bool has(Role file) const override { return of(file).fd.valid(); }
  const std::string& name(Role file) const override { return of(file).path; }
  uint64_t size(Role file) const override { return of(file).size; }
  std::error_code read(Role file, uint64_t offset, std::span<std::byte> into) override;
  std::error_code write(std::span<const Write> writes) override;

  int fd(Role file) const { return of(file).fd.get(); }

  // From now on writes go past the page cache where the file system can do that with
  // whole pages: for who writes and does not read.
  void bypass_cache();
  bool bypasses_cache(Role file) const { return of(file).direct; }

 private:
  struct File {
    std::string path;
    runtime::UniqueFd fd;
    uint64_t size = 0;
    bool direct = false;
  };

  FileMedium(File store, File anchor);
  static std::expected<File, std::string> open_one(const std::string& path, runtime::LockKind kind,
                                                   std::chrono::milliseconds patience);
  const File& of(Role file) const { return file == Role::kStore ? store_ : anchor_; }

  File store_;
  File anchor_;
};

// Writes all of `bytes`, blocking; also for files in the making.
std::error_code write_all(int fd, uint64_t offset, Bytes bytes);

}  // namespace stratos::rpmb_file
