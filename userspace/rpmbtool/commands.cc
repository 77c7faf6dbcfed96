// SPDX-License-Identifier: Apache-2.0
#include "rpmbtool/commands.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "config/size_text.h"
#include "hosts/rpmb_file/backup.h"
#include "hosts/rpmb_file/contents.h"
#include "hosts/rpmb_file/create.h"
#include "hosts/rpmb_file/hex.h"
#include "rpmbtool/report.h"

namespace stratos::rpmb_tool {
namespace {

using Error = std::unexpected<std::string>;

// Reads and checks everything; changes nothing. No anchor: a backup.
std::expected<rpmb_file::Contents, std::string> load(const rpmb_file::MasterKey& key,
                                                     const rpmb_file::FilePaths& paths) {
  const auto files = rpmb_file::FileMedium::open(paths, runtime::LockKind::kShared);
  if (!files) return Error(files.error());
  return rpmb_file::load(**files, key);
}

std::expected<rpmb_file::Contents, std::string> load(const Arguments& arguments) {
  const auto key = rpmb_file::read_master_key(arguments.key);
  if (!key) return Error(key.error());
  return load(*key, {.store = arguments.store, .anchor = arguments.anchor});
}

std::expected<uint32_t, std::string> capacity_units(const std::string& text) {
  const auto bytes = config::parse_size(text);
  const uint64_t most = uint64_t{rpmb_file::kMaxCapacityUnits} * rpmb_file::kCapacityUnit;
  if (!bytes || *bytes == 0 || *bytes > most || *bytes % rpmb_file::kCapacityUnit != 0) {
    return Error(fmt::format("--capacity {}: give a multiple of 128K, at most 16M", text));
  }
  return static_cast<uint32_t>(*bytes / rpmb_file::kCapacityUnit);
}

}  // namespace

Outcome generate_key(const Arguments& arguments) {
  auto made = rpmb_file::generate_master_key(arguments.key.file);
  if (made) fmt::print("{}: made; whoever has it can open and forge stores\n", arguments.key.file);
  return made;
}

Outcome create(const Arguments& arguments) {
  const auto units = capacity_units(arguments.capacity);
  if (!units) return Error(units.error());
  const auto cid = rpmb_file::from_hex<sizeof(rpmb_file::Cid)>(arguments.cid);
  if (!cid && !arguments.cid.empty()) {
    return Error(fmt::format("--cid {}: give 32 hexadecimal digits", arguments.cid));
  }
  if (arguments.store == arguments.anchor) {
    return Error(
        fmt::format("{}: store and anchor are the same file; give each its own", arguments.store));
  }
  const auto key = rpmb_file::read_master_key(arguments.key);
  if (!key) return Error(key.error());
  auto made = rpmb_file::create_store({.store = arguments.store, .anchor = arguments.anchor}, *key,
                                      *units, cid);
  if (made) {
    fmt::print("{}: made, {}; anchor {}\n", arguments.store,
               config::format_size(uint64_t{*units} * rpmb_file::kCapacityUnit), arguments.anchor);
  }
  return made;
}

Outcome inspect(const Arguments& arguments) {
  const auto contents = load(arguments);
  if (!contents) return Error(contents.error());
  const auto report = json_report(arguments.store, *contents);
  fmt::print("{}", arguments.json ? report.dump() + '\n' : text_report(report));
  return {};
}

Outcome verify(const Arguments& arguments) {
  const auto contents = load(arguments);
  if (!contents) return Error(contents.error());
  fmt::print("{}: intact, commit {}{}\n", arguments.store, contents->newest.header.sequence,
             contents->anchor_slots ? "" : "; without --anchor, nothing tells whether it is old");
  return {};
}

Outcome backup(const Arguments& arguments) {
  auto contents = load(arguments);
  if (!contents) return Error(contents.error());
  auto made = rpmb_file::make_backup(*contents, arguments.backup);
  if (made) {
    fmt::print("{}: made of {}, commit {}\n", arguments.backup, arguments.store,
               contents->newest.header.sequence);
  }
  return made;
}

Outcome restore(const Arguments& arguments) {
  const auto key = rpmb_file::read_master_key(arguments.key);
  if (!key) return Error(key.error());
  auto contents = load(*key, {.store = arguments.backup, .anchor = {}});
  if (!contents) return Error(contents.error());
  const rpmb_file::FilePaths paths{.store = arguments.store, .anchor = arguments.anchor};
  auto made = rpmb_file::restore_backup(
      *contents, *key, paths,
      arguments.accept_rollback ? rpmb_file::Rollback::kAccept : rpmb_file::Rollback::kRefuse);
  if (made) fmt::print("{}: restored from {}\n", arguments.store, arguments.backup);
  return made;
}

}  // namespace stratos::rpmb_tool
