// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/backup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "hosts/rpmb_file/create.h"
#include "hosts/rpmb_file/record.h"

namespace stratos::rpmb_file {
namespace {

using Error = std::unexpected<std::string>;

struct Link {
  uint64_t sequence = 0;
  Tag tag{};
};

// The end of what the anchor has seen, and whether `backup` fits it as it is.
struct AnchorEnd {
  Link newest{};
  bool fits = false;
};

std::expected<AnchorEnd, std::string> read_anchor(const Contents& backup, const MasterKey& master,
                                                  const std::string& path) {
  // Read as a pair would be, but for the store that is still to be made.
  auto files = FileMedium::open_anchor(path, runtime::LockKind::kShared);
  if (!files) return Error(std::move(files.error()));
  const auto anchor = read_sealed_file(**files, Role::kAnchor, master);
  if (!anchor) return Error(anchor.error());
  if (anchor->superblock.uuid != backup.superblock.uuid) {
    return Error(fmt::format("{}: the anchor of another store than the backup's", path));
  }
  const Slots slots = anchor->summary();
  AnchorEnd end{.fits = recover(backup.store_slots, slots).has_value()};
  for (const auto& slot : slots) {
    if (slot && slot->sequence > end.newest.sequence) end.newest = {slot->sequence, slot->tag};
  }
  return end;
}

NewFile store_of(const Contents& contents, uint64_t sequence, Bytes record) {
  NewFile file{.superblock = contents.superblock,
               .sequence = sequence,
               .record = record,
               .data = contents.data.bytes()};
  file.superblock.role = Role::kStore;
  return file;
}

// The backup's state and data again, as a commit that follows `after`.
std::expected<void, std::string> restore_after(Contents& backup, const FilePaths& paths, Link after,
                                               bool with_anchor) {
  const RecordHeader header{.sequence = after.sequence + 1,
                            .complete = true,
                            .uuid = backup.superblock.uuid,
                            .previous = after.tag,
                            .nonce = {}};
  std::vector<std::byte> buffer(kSlotSize);
  Tag tag;
  const Bytes record = seal_record(backup.seal, header, backup.newest.sealed, {}, buffer, tag);
  if (record.empty()) return Error(fmt::format("{}: a record cannot be sealed", paths.store));
  NewFile file = store_of(backup, header.sequence, record);
  // The store is ahead of an anchor that is there: opening brings that up.
  if (auto made = make_file(paths.store, backup.seal, file); !made || !with_anchor) return made;
  file.superblock.role = Role::kAnchor;
  file.data = {};
  auto made = make_file(paths.anchor, backup.seal, file);
  if (!made) unlink(paths.store.c_str());
  return made;
}

}  // namespace

std::expected<void, std::string> make_backup(Contents& contents, const std::string& path) {
  const Record& newest = contents.newest;
  return make_file(path, contents.seal,
                   store_of(contents, newest.header.sequence, newest.as_sealed));
}

std::expected<void, std::string> restore_backup(Contents& backup, const MasterKey& master,
                                                const FilePaths& paths, Rollback rollback) {
  const bool accept = rollback == Rollback::kAccept;
  const Link newest{.sequence = backup.newest.header.sequence, .tag = backup.newest.tag};
  if (access(paths.anchor.c_str(), F_OK) != 0 && errno == ENOENT) {
    if (!accept) {
      return Error(fmt::format(
          "{}: there is no anchor, so nothing tells whether the backup is the newest; put the "
          "anchor back, or --accept-rollback makes a new one",
          paths.anchor));
    }
    return restore_after(backup, paths, newest, /*with_anchor=*/true);
  }
  const auto anchor = read_anchor(backup, master, paths.anchor);
  if (!anchor) return Error(anchor.error());
  if (anchor->fits) return make_backup(backup, paths.store);
  if (anchor->newest.sequence < newest.sequence) {
    return Error(fmt::format(
        "{}: the anchor ends at commit {}, the backup at commit {}: it is not the newest anchor; "
        "put that back, or move this one away and --accept-rollback makes a new one",
        paths.anchor, anchor->newest.sequence, newest.sequence));
  }
  if (!accept) {
    return Error(fmt::format(
        "{}: the anchor knows commit {}, the backup ends at commit {}: the guest would lose what "
        "it wrote since, and see its write counter go back; --accept-rollback does it all the same",
        paths.anchor, anchor->newest.sequence, newest.sequence));
  }
  return restore_after(backup, paths, anchor->newest, /*with_anchor=*/false);
}

}  // namespace stratos::rpmb_file
