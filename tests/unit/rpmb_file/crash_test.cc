// SPDX-License-Identifier: Apache-2.0
// Power goes at every write boundary of random sequences of commits, and of the
// recoveries in between. What comes up is the old state or the new one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "rpmb_file/store_rig.h"

namespace stratos::test {
namespace {

constexpr int kCommitsPerSequence = 3;
constexpr int kSubsetsPerBatch = 8;

// How many sequences: the long run has all of the 10,000.
int sequences() {
  const char* text = std::getenv("STRATOS_CRASH_SEQUENCES");
  return text == nullptr ? 60 : std::atoi(text);
}

class CrashTest : public testing::Test {
 protected:
  // What is on the platters after power went while `sectors` were under way, and
  // `survives` of them made it.
  template <typename Survives>
  static DiskImage cut(const DiskImage& before, std::span<const Sector> sectors,
                       Survives survives) {
    DiskImage image = before;
    for (size_t i = 0; i < sectors.size(); ++i) {
      if (survives(i)) apply(image, sectors[i]);
    }
    return image;
  }

  // Recovers `image`; it must be one of the two. Returns whether it is the new one.
  bool expect_old_or_new(const DiskImage& image, const Model& old_model, const Model& new_model) {
    ++recoveries_;
    CrashDisk disk(image);
    const auto opened = open_store(disk);
    if (!opened.store) {
      ADD_FAILURE() << opened.error;
      return false;
    }
    const Model found = contents_of(*opened.store);
    const bool is_new = found == new_model;
    EXPECT_TRUE(is_new || found == old_model) << "a mixture came up";
    return is_new;
  }

  // Every prefix in the order of writing and in the reverse order, and random subsets.
  // Calls `check` with each image.
  template <typename Check>
  void for_each_cut(const DiskImage& before, std::span<const Sector> sectors, Check check) {
    const size_t count = sectors.size();
    for (size_t prefix = 0; prefix <= count; ++prefix) {
      check(cut(before, sectors, [&](size_t i) { return i < prefix; }));
      check(cut(before, sectors, [&](size_t i) { return i >= prefix; }));
    }
    for (int i = 0; i < kSubsetsPerBatch; ++i) {
      const uint64_t chance = 1 + random_() % 15;
      check(cut(before, sectors, [&](size_t) { return random_() % 16 < chance; }));
    }
  }

  // Recovery writes, too: power goes once more in each of its batches.
  void expect_recovery_survives(const DiskImage& image, const Model& old_model,
                                const Model& new_model) {
    CrashDisk disk(image);
    // Whatever recovery has shown once must stay.
    const bool is_new = expect_old_or_new(image, old_model, new_model);
    const Model& shown = is_new ? new_model : old_model;
    disk.on_write = [&](const DiskImage& before, std::span<const Sector> sectors) {
      for (int i = 0; i < 4; ++i) {
        const uint64_t chance = random_() % 17;
        const auto again = cut(before, sectors, [&](size_t) { return random_() % 16 < chance; });
        expect_old_or_new(again, shown, shown);
      }
    };
    EXPECT_TRUE(open_store(disk).store);
  }

  std::mt19937_64 random_;
  uint64_t recoveries_ = 0;
};

// In each sequence every commit is cut everywhere; then one of the cuts is where the
// sequence goes on, or it goes on as if nothing had been.
TEST_F(CrashTest, EveryCutLeavesTheOldStateOrTheNew) {
  const DiskImage fresh = new_pair();
  for (int sequence = 0; sequence < sequences() && !HasFailure(); ++sequence) {
    SCOPED_TRACE(sequence);
    random_.seed(static_cast<uint64_t>(sequence));
    DiskImage image = fresh;
    Model model = new_model();
    for (int step = 0; step < kCommitsPerSequence; ++step) {
      CrashDisk disk(image);
      const auto opened = open_store(disk);
      ASSERT_TRUE(opened.store) << opened.error;
      ASSERT_EQ(contents_of(*opened.store), model);
      // A few that are not cut, so that records of any age lie in the slots.
      for (uint64_t i = random_() % 3; i > 0; --i) {
        const Change change = random_change(random_, model, 6);
        ASSERT_TRUE(commit(disk, *opened.store, change));
        change.apply_to(model);
      }
      const Change change = random_change(random_, model, random_() % 8 == 0 ? 64 : 6);
      Model next = model;
      change.apply_to(next);
      std::vector<DiskImage> kept;
      disk.on_write = [&](const DiskImage& before, std::span<const Sector> sectors) {
        for_each_cut(before, sectors, [&](const DiskImage& after) {
          expect_old_or_new(after, model, next);
          if (random_() % 32 == 0) kept.push_back(after);
        });
      };
      ASSERT_TRUE(commit(disk, *opened.store, change));
      if (kept.empty()) {
        image = disk.image();
        model = next;
      } else {
        expect_recovery_survives(kept.front(), model, next);
        image = kept.front();
        if (expect_old_or_new(image, model, next)) model = next;
      }
    }
  }
  RecordProperty("recoveries", std::to_string(recoveries_));
  std::printf("%d sequences, %llu recoveries\n", sequences(),
              static_cast<unsigned long long>(recoveries_));
}

// Done means durable: whatever happens to what came later.
TEST_F(CrashTest, AnAcknowledgedCommitIsNeverLost) {
  CrashDisk disk(new_pair());
  const auto opened = open_store(disk);
  ASSERT_TRUE(opened.store) << opened.error;
  Model model = new_model();
  for (int i = 0; i < 50; ++i) {
    const Change change = random_change(random_, model, 64);
    ASSERT_TRUE(commit(disk, *opened.store, change));
    change.apply_to(model);
    CrashDisk after(disk.image());
    const auto again = open_store(after);
    ASSERT_TRUE(again.store) << again.error;
    ASSERT_EQ(contents_of(*again.store), model);
  }
}

}  // namespace
}  // namespace stratos::test
