// SPDX-License-Identifier: Apache-2.0
// Copies of a store, and the way back.
//
// A backup is a store without an anchor, whole and at rest. It is as secret as the store.

#pragma once

#include <expected>
#include <string>

#include "hosts/rpmb_file/contents.h"
#include "hosts/rpmb_file/file_medium.h"

namespace stratos::rpmb_file {

// Writes `contents` to a new file.
std::expected<void, std::string> make_backup(Contents& contents, const std::string& path);

enum class Rollback : uint8_t { kRefuse, kAccept };

// Makes a store of `backup` at paths.store. If the anchor tells that commits came after
// the backup, they are undone only with kAccept: then the store begins with a commit of
// its own, newer than all that the anchor has seen, so that no older copy can take its
// place later. A missing anchor is made anew, with kAccept. The error is one line.
std::expected<void, std::string> restore_backup(Contents& backup, const MasterKey& master,
                                                const FilePaths& paths, Rollback rollback);

}  // namespace stratos::rpmb_file
