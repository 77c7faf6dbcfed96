// SPDX-License-Identifier: Apache-2.0
// What the two slots of a store and the two slots of its anchor tell about how it ended.
//
// A commit writes one record into both files at a time and is done when both have it.
// So an honest pair differs by at most one record, and the file that is ahead has the
// whole of it. Anything else was not left behind by a crash. A function of its
// arguments and nothing else.

#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>

#include "hosts/rpmb_file/format.h"

namespace stratos::rpmb_file {

// A record that was authenticated. What is torn, foreign or never written is none.
struct SlotSummary {
  uint64_t sequence = 0;
  Tag tag{};
  Tag previous{};
  bool complete = false;  // as in RecordHeader
};
using Slots = std::array<std::optional<SlotSummary>, kSlots>;

struct SlotName {
  Role file = Role::kStore;
  unsigned slot = 0;

  friend bool operator==(const SlotName&, const SlotName&) = default;
};

// Redo `before`, if there is one, then `newest`; their blocks may be missing in the data.
struct Plan {
  SlotName newest{};
  std::optional<SlotName> before{};

  friend bool operator==(const Plan&, const Plan&) = default;
};

enum class Refusal : uint8_t {
  kStoreEmpty,        // no record: damaged
  kAnchorEmpty,       // likewise
  kStoreRolledBack,   // the anchor is ahead by more than a crash leaves behind
  kAnchorRolledBack,  // and the other way round
  kForked,            // records that do not follow from each other
};

std::expected<Plan, Refusal> recover(const Slots& store, const Slots& anchor);
// For a backup, which has no anchor: nothing tells how old it is.
std::expected<Plan, Refusal> recover_alone(const Slots& store);

// The newest sequence, 0 if there is none.
uint64_t newest_sequence(const Slots& slots);

}  // namespace stratos::rpmb_file
