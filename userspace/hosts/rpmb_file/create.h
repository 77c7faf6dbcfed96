// SPDX-License-Identifier: Apache-2.0
// Makes stores and anchors. Nothing here ever replaces a file.

#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>

#include "hosts/rpmb_file/file_medium.h"
#include "hosts/rpmb_file/format.h"
#include "hosts/rpmb_file/seal.h"

namespace stratos::rpmb_file {

// A store without a key, its counter 0, its data zero; and its anchor. `cid`: random if
// there is none. The error is one line, and nothing is left behind.
std::expected<void, std::string> create_store(const FilePaths& paths, const MasterKey& master,
                                              uint32_t capacity_units,
                                              const std::optional<Cid>& cid);

// One file of a pair: its superblock, one record, and `data` if it is a store.
struct NewFile {
  Superblock superblock;
  uint64_t sequence = 0;
  Bytes record;  // whole pages
  Bytes data;    // whole pages; may be shorter than the capacity, the rest is zero
};
// All of it durable, its directory entry included, or an error and no file.
std::expected<void, std::string> make_file(const std::string& path, Seal& seal,
                                           const NewFile& content);

}  // namespace stratos::rpmb_file
