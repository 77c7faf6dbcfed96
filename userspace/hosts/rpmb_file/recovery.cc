// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/recovery.h"

#include <algorithm>
#include <span>

namespace stratos::rpmb_file {
namespace {

struct Candidate {
  SlotName name;
  SlotSummary summary;
};

struct Candidates {
  std::array<Candidate, size_t{2} * kSlots> all;
  size_t count = 0;

  void add(Role file, const Slots& slots) {
    for (unsigned i = 0; i < kSlots; ++i) {
      if (slots[i]) all[count++] = {{file, i}, *slots[i]};
    }
  }
  std::span<const Candidate> span() const { return std::span(all).first(count); }
};

// Equal numbers must be equal records, and a successor must name its predecessor.
bool contradict(const SlotSummary& one, const SlotSummary& other) {
  if (one.sequence == other.sequence) return one.tag != other.tag;
  if (one.sequence + 1 == other.sequence) return other.previous != one.tag;
  return false;
}

bool consistent(std::span<const Candidate> records) {
  for (const Candidate& one : records) {
    for (const Candidate& other : records) {
      if (contradict(one.summary, other.summary)) return false;
    }
  }
  return true;
}

// One file never has two records that are not neighbours.
bool has_gap(const Slots& slots) {
  if (!slots[0] || !slots[1]) return false;
  const uint64_t low = std::min(slots[0]->sequence, slots[1]->sequence);
  const uint64_t high = std::max(slots[0]->sequence, slots[1]->sequence);
  return high != low + 1;
}

const Candidate* find(std::span<const Candidate> records, uint64_t sequence) {
  for (const Candidate& record : records) {
    if (record.summary.sequence == sequence) return &record;
  }
  return nullptr;
}

std::expected<Plan, Refusal> plan_for(const Candidates& candidates, uint64_t newest) {
  if (!consistent(candidates.span())) return std::unexpected(Refusal::kForked);
  const Candidate* last = find(candidates.span(), newest);
  Plan plan{.newest = last->name};
  if (const Candidate* before = find(candidates.span(), newest - 1);
      before != nullptr && !last->summary.complete) {
    plan.before = before->name;
  }
  return plan;
}

}  // namespace

uint64_t newest_sequence(const Slots& slots) {
  uint64_t newest = 0;
  for (const auto& slot : slots) {
    if (slot) newest = std::max(newest, slot->sequence);
  }
  return newest;
}

std::expected<Plan, Refusal> recover(const Slots& store, const Slots& anchor) {
  const uint64_t in_store = newest_sequence(store);
  const uint64_t in_anchor = newest_sequence(anchor);
  if (in_store == 0) return std::unexpected(Refusal::kStoreEmpty);
  if (in_anchor == 0) return std::unexpected(Refusal::kAnchorEmpty);
  if (has_gap(store) || has_gap(anchor)) return std::unexpected(Refusal::kForked);
  if (in_anchor > in_store + 1) return std::unexpected(Refusal::kStoreRolledBack);
  if (in_store > in_anchor + 1) return std::unexpected(Refusal::kAnchorRolledBack);
  Candidates candidates;
  candidates.add(Role::kStore, store);
  candidates.add(Role::kAnchor, anchor);
  return plan_for(candidates, std::max(in_store, in_anchor));
}

std::expected<Plan, Refusal> recover_alone(const Slots& store) {
  if (newest_sequence(store) == 0) return std::unexpected(Refusal::kStoreEmpty);
  if (has_gap(store)) return std::unexpected(Refusal::kForked);
  Candidates candidates;
  candidates.add(Role::kStore, store);
  return plan_for(candidates, newest_sequence(store));
}

}  // namespace stratos::rpmb_file
