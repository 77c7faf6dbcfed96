// SPDX-License-Identifier: Apache-2.0
// Two byte-addressed files: the store and its anchor. What the store does to the disk
// goes through here, so that a test can put a disk beneath it that fails at will.

#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "hosts/rpmb_file/format.h"

namespace stratos::rpmb_file {

struct Write {
  Role file = Role::kStore;
  uint64_t offset = 0;  // of whole pages
  Bytes bytes;          // whole pages
};

// To open, to check and to make: these calls block.
class Medium {
 public:
  virtual ~Medium() = default;

  // False for the anchor of a lone store: a backup.
  virtual bool has(Role file) const = 0;
  // For messages: its path.
  virtual const std::string& name(Role file) const = 0;
  virtual uint64_t size(Role file) const = 0;
  // All of `into`, or an error.
  virtual std::error_code read(Role file, uint64_t offset, std::span<std::byte> into) = 0;
  // Writes all, in any order; everything ever written is durable when it returns.
  virtual std::error_code write(std::span<const Write> writes) = 0;
};

class CommitListener {
 public:
  // Never called from within begin(). 0, or what went wrong: then nobody can tell what
  // is on the disk.
  virtual void on_written(int error) = 0;

 protected:
  ~CommitListener() = default;
};

// To run: does not block. Two committers on the same files go on at the same time.
class Committer {
 public:
  static constexpr size_t kMaxWrites = 2;

  // Gives up what is under way; its listener does not hear of it.
  virtual ~Committer() = default;

  // As Medium::write(). At most kMaxWrites, and at least one; one batch at a time.
  // `memory` owns the bytes and is kept as long as the disk may read them.
  virtual void begin(std::span<const Write> writes, std::shared_ptr<const void> memory,
                     CommitListener& listener) = 0;
};

}  // namespace stratos::rpmb_file
