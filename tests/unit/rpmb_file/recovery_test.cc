// SPDX-License-Identifier: Apache-2.0
// The verdict on every pair of ends, by table.
#include "hosts/rpmb_file/recovery.h"

#include <gtest/gtest.h>

#include <vector>

namespace stratos::rpmb_file {
namespace {

// A history: record n of branch b follows record n - 1 of the same branch, or of branch
// 0 where the two part.
Tag tag_of(uint64_t sequence, int branch) { return {std::byte(sequence), std::byte(branch + 1)}; }
SlotSummary record(uint64_t sequence, int branch = 0, int parent = 0) {
  return {.sequence = sequence,
          .tag = tag_of(sequence, branch),
          .previous = sequence > 1 ? tag_of(sequence - 1, parent) : Tag{}};
}

// The slots with these records in the places where they belong.
Slots slots(std::initializer_list<SlotSummary> records) {
  Slots made;
  for (const SlotSummary& summary : records) made[slot_of(summary.sequence)] = summary;
  return made;
}

struct Accepted {
  const char* what;
  Slots store;
  Slots anchor;
  SlotName newest;
  std::optional<SlotName> before;
};

TEST(RecoveryTest, FollowsWhicheverIsAhead) {
  const Accepted cases[] = {
      {"new", slots({record(1)}), slots({record(1)}), {Role::kStore, 1}, std::nullopt},
      {"at rest",
       slots({record(6), record(7)}),
       slots({record(6), record(7)}),
       {Role::kStore, 1},
       SlotName{Role::kStore, 0}},
      {"cut: torn in both",
       slots({record(7)}),
       slots({record(7)}),
       {Role::kStore, 1},
       std::nullopt},
      {"cut: torn in the store",
       slots({record(7)}),
       slots({record(7), record(8)}),
       {Role::kAnchor, 0},
       SlotName{Role::kStore, 1}},
      {"cut: nothing in the store yet",
       slots({record(6), record(7)}),
       slots({record(7), record(8)}),
       {Role::kAnchor, 0},
       SlotName{Role::kStore, 1}},
      {"cut: torn in the anchor",
       slots({record(7), record(8)}),
       slots({record(7)}),
       {Role::kStore, 0},
       SlotName{Role::kStore, 1}},
      {"cut: nothing in the anchor yet",
       slots({record(7), record(8)}),
       slots({record(6), record(7)}),
       {Role::kStore, 0},
       SlotName{Role::kStore, 1}},
      {"the one before is in the anchor only",
       slots({record(8)}),
       slots({record(7), record(8)}),
       {Role::kStore, 0},
       SlotName{Role::kAnchor, 1}},
      {"the second commit",
       slots({record(1)}),
       slots({record(1), record(2)}),
       {Role::kAnchor, 0},
       SlotName{Role::kStore, 1}},
      {"a new anchor",
       slots({record(6), record(7)}),
       slots({record(7)}),
       {Role::kStore, 1},
       SlotName{Role::kStore, 0}},
  };
  for (const Accepted& row : cases) {
    SCOPED_TRACE(row.what);
    const auto plan = recover(row.store, row.anchor);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(*plan, (Plan{row.newest, row.before}));
  }
}

struct Refused {
  const char* what;
  Slots store;
  Slots anchor;
  Refusal refusal;
};

TEST(RecoveryTest, RefusesWhatNoCrashLeavesBehind) {
  const Refused cases[] = {
      {"nothing at all", {}, {}, Refusal::kStoreEmpty},
      {"no store", {}, slots({record(6), record(7)}), Refusal::kStoreEmpty},
      {"no anchor", slots({record(6), record(7)}), {}, Refusal::kAnchorEmpty},
      {"an old store", slots({record(4), record(5)}), slots({record(6), record(7)}),
       Refusal::kStoreRolledBack},
      {"a very old store", slots({record(1)}), slots({record(600), record(601)}),
       Refusal::kStoreRolledBack},
      {"an old anchor", slots({record(6), record(7)}), slots({record(4), record(5)}),
       Refusal::kAnchorRolledBack},
      {"same number, another record", slots({record(7, 1)}), slots({record(7, 2)}),
       Refusal::kForked},
      {"the newest equal, the one before not", slots({record(6, 1), record(7, 0)}),
       slots({record(6, 0), record(7, 0)}), Refusal::kForked},
      {"the anchor is ahead of another branch", slots({record(6), record(7, 1)}),
       slots({record(8, 0)}), Refusal::kForked},
      {"the store is ahead of another branch", slots({record(8, 0)}),
       slots({record(6), record(7, 1)}), Refusal::kForked},
      {"a gap in the store", slots({record(4), record(7)}), slots({record(6), record(7)}),
       Refusal::kForked},
      {"a gap in the anchor", slots({record(6), record(7)}), slots({record(4), record(7)}),
       Refusal::kForked},
  };
  for (const Refused& row : cases) {
    SCOPED_TRACE(row.what);
    const auto plan = recover(row.store, row.anchor);
    ASSERT_FALSE(plan.has_value());
    EXPECT_EQ(plan.error(), row.refusal);
  }
}

// What a restored backup begins with does not follow from the data before.
TEST(RecoveryTest, ACompleteRecordStandsOnItsOwn) {
  SlotSummary complete = record(8);
  complete.complete = true;
  const auto plan = recover(slots({complete}), slots({record(6), record(7)}));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(*plan, (Plan{{Role::kStore, 0}, std::nullopt}));
  const auto next = recover(slots({complete, record(9)}), slots({complete, record(9)}));
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(*next, (Plan{{Role::kStore, 1}, SlotName{Role::kStore, 0}}));
}

TEST(RecoveryTest, ABackupStandsAlone) {
  const auto plan = recover_alone(slots({record(6), record(7)}));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(*plan, (Plan{{Role::kStore, 1}, SlotName{Role::kStore, 0}}));
  EXPECT_EQ(recover_alone({}).error(), Refusal::kStoreEmpty);
  EXPECT_EQ(recover_alone(slots({record(6, 1), record(7)})).error(), Refusal::kForked);
}

}  // namespace
}  // namespace stratos::rpmb_file
