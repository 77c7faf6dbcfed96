// SPDX-License-Identifier: Apache-2.0
#include "rpmbtool/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hosts/rpmb_file/hex.h"

namespace stratos::rpmb_tool {
namespace {

using rpmb_file::to_hex;

const char* anchor_state(const rpmb_file::Contents& contents) {
  if (!contents.anchor_slots) return "not given";
  const uint64_t store = newest_sequence(contents.store_slots);
  const uint64_t anchor = newest_sequence(*contents.anchor_slots);
  if (anchor > store) return "one commit ahead of the store; opening the store catches up";
  if (anchor < store) return "one commit behind the store; opening the store catches up";
  return "up to date";
}

}  // namespace

nlohmann::ordered_json json_report(const std::string& path, const rpmb_file::Contents& contents) {
  const rpmb::State& state = contents.newest.sealed.state;
  return {
      {"store", path},
      {"format", rpmb_file::kFormatVersion},
      {"uuid", to_hex(contents.superblock.uuid)},
      {"cid", to_hex(contents.superblock.cid)},
      {"capacity", uint64_t{contents.superblock.capacity_units} * rpmb_file::kCapacityUnit},
      {"blocks", contents.superblock.block_count()},
      {"key_programmed", state.key_programmed},
      {"write_counter", state.write_counter},
      {"sequence", contents.newest.header.sequence},
      {"anchor", anchor_state(contents)},
  };
}

std::string text_report(const nlohmann::ordered_json& report) {
  std::string text;
  for (const auto& [name, value] : report.items()) {
    std::string label = name;
    std::replace(label.begin(), label.end(), '_', ' ');
    std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_boolean()) shown = value.get<bool>() ? "yes" : "no";
    text += fmt::format("{:<16}{}\n", label + ":", shown);
  }
  return text;
}

}  // namespace stratos::rpmb_tool
