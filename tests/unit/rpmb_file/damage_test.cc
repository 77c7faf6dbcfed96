// SPDX-License-Identifier: Apache-2.0
// Files that are torn, truncated, foreign, rolled back or tampered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "rpmb_file/store_rig.h"

namespace stratos::test {
namespace {

using testing::HasSubstr;

class DamageTest : public testing::Test {
 protected:
  // Commits `count` random changes to `image`.
  void advance(DiskImage& image, Model& model, int count) {
    CrashDisk disk(image);
    const auto opened = open_store(disk);
    ASSERT_TRUE(opened.store) << opened.error;
    for (int i = 0; i < count; ++i) {
      const Change change = random_change(random_, model, 8);
      ASSERT_TRUE(commit(disk, *opened.store, change));
      change.apply_to(model);
    }
    image = disk.image();
  }
  void advance(int count) { advance(image_, model_, count); }

  static std::string refusal(const DiskImage& image, const rpmb_file::MasterKey& key = kKey) {
    CrashDisk disk(image);
    const auto opened = open_store(disk, key);
    EXPECT_EQ(disk.image().store, image.store) << "a refused store was changed";
    EXPECT_EQ(disk.image().anchor, image.anchor) << "a refused anchor was changed";
    if (opened.store) return "not refused";
    EXPECT_EQ(opened.error.find('\n'), std::string::npos);
    return opened.error;
  }

  std::mt19937_64 random_{1};
  DiskImage image_ = new_pair();
  Model model_ = new_model();
};

TEST_F(DamageTest, AStoreRolledBackFarIsRefused) {
  advance(2);
  const auto old = image_.store;
  advance(2);
  image_.store = old;
  EXPECT_THAT(refusal(image_), HasSubstr("store: rolled back: it ends at commit 3, its anchor "
                                         "anchor knows commit 5"));
}

// The anchor has the whole of the last record, so nothing is lost and nothing to refuse.
TEST_F(DamageTest, AStoreRolledBackByOneCommitIsBroughtUp) {
  advance(2);
  const auto old = image_.store;
  advance(1);
  image_.store = old;
  CrashDisk disk(image_);
  const auto opened = open_store(disk);
  ASSERT_TRUE(opened.store) << opened.error;
  EXPECT_EQ(contents_of(*opened.store), model_);
}

TEST_F(DamageTest, AnAnchorRolledBackIsRefused) {
  advance(2);
  const auto old = image_.anchor;
  advance(2);
  image_.anchor = old;
  EXPECT_THAT(refusal(image_), HasSubstr("anchor: the anchor was rolled back"));
}

TEST_F(DamageTest, CopiesThatWereUsedApartAreRefused) {
  advance(3);
  DiskImage copy = image_;
  Model copy_model = model_;
  advance(2);
  advance(copy, copy_model, 2);
  EXPECT_THAT(refusal({image_.store, copy.anchor}), HasSubstr("do not follow from each other"));
  advance(1);
  EXPECT_THAT(refusal({image_.store, copy.anchor}), HasSubstr("do not follow from each other"));
}

TEST_F(DamageTest, FilesOfAnotherStoreAreRefused) {
  const DiskImage other = new_pair();
  EXPECT_THAT(refusal({image_.store, other.anchor}), HasSubstr("the anchor of another store"));
  // A record of another store, in this one.
  advance(1);
  DiskImage mixed = image_;
  const auto slot = static_cast<ptrdiff_t>(rpmb_file::slot_offset(1));
  std::copy_n(other.store.begin() + slot, rpmb_file::kSlotSize, mixed.store.begin() + slot);
  CrashDisk disk(mixed);
  const auto opened = open_store(disk);
  ASSERT_TRUE(opened.store) << opened.error;
  EXPECT_EQ(contents_of(*opened.store), model_);
}

TEST_F(DamageTest, AnotherKeyIsRefused) {
  rpmb_file::MasterKey key = kKey;
  key[31] ^= std::byte{1};
  EXPECT_THAT(refusal(image_, key), HasSubstr("store: sealed with another key"));
}

TEST_F(DamageTest, FilesInEachOthersPlaceAreRefused) {
  EXPECT_THAT(refusal({image_.anchor, image_.anchor}),
              HasSubstr("store: this is the anchor, not the store"));
  EXPECT_THAT(refusal({image_.store, image_.store}),
              HasSubstr("anchor: this is the store, not the anchor"));
}

TEST_F(DamageTest, AWrongSizeIsRefused) {
  const size_t whole = image_.store.size();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4095}}) {
    DiskImage cut = image_;
    cut.store.resize(size);
    EXPECT_THAT(refusal(cut), HasSubstr("store: this is no RPMB store"));
  }
  for (const size_t size : {size_t{4096}, whole - 512, whole - 1, whole + 1}) {
    DiskImage cut = image_;
    cut.store.resize(size);
    EXPECT_THAT(refusal(cut), HasSubstr("bytes long instead of"));
  }
  DiskImage cut = image_;
  cut.anchor.resize(image_.anchor.size() - 4096);
  EXPECT_THAT(refusal(cut), HasSubstr("anchor: "));
}

TEST_F(DamageTest, AnotherFormatVersionIsRefused) {
  image_.store[8] = std::byte{2};
  EXPECT_THAT(refusal(image_), HasSubstr("another version of the store format"));
}

TEST_F(DamageTest, ZerosAreRefused) {
  std::fill(image_.store.begin(), image_.store.end(), std::byte{});
  EXPECT_THAT(refusal(image_), HasSubstr("this is no RPMB store"));
}

TEST_F(DamageTest, ARecordLessFileIsRefused) {
  const auto erase = [](std::vector<std::byte>& file) {
    std::fill_n(file.begin() + rpmb_file::kSuperblockSize, 2 * rpmb_file::kSlotSize, std::byte{});
  };
  DiskImage lost = image_;
  erase(lost.store);
  EXPECT_THAT(refusal(lost), HasSubstr("store: no record is intact"));
  lost = image_;
  erase(lost.anchor);
  EXPECT_THAT(refusal(lost), HasSubstr("anchor: no record is intact"));
}

// A bit anywhere in the superblock, the padding included.
TEST_F(DamageTest, EveryByteOfTheSuperblockCounts) {
  for (size_t at = 0; at < rpmb_file::kSuperblockSize; ++at) {
    for (const Role file : {Role::kStore, Role::kAnchor}) {
      DiskImage flipped = image_;
      flipped.of(file)[at] ^= std::byte(1U << (at % 8));
      ASSERT_NE(refusal(flipped), "not refused") << at;
    }
  }
}

// A bit in a record makes that record none, as if it had been torn: the other file has it.
TEST_F(DamageTest, NoBitOfARecordChangesWhatComesUp) {
  advance(4);
  const auto used = rpmb_file::record_size(8);
  for (unsigned slot = 0; slot < rpmb_file::kSlots; ++slot) {
    for (size_t at = 0; at < used; at += at < rpmb_file::kBlocksOffset ? 1 : 37) {
      for (const Role file : {Role::kStore, Role::kAnchor}) {
        DiskImage flipped = image_;
        flipped.of(file)[rpmb_file::slot_offset(slot) + at] ^= std::byte(1U << (at % 8));
        CrashDisk disk(flipped);
        const auto opened = open_store(disk);
        ASSERT_TRUE(opened.store) << opened.error;
        ASSERT_EQ(contents_of(*opened.store), model_) << at;
      }
    }
  }
}

// A bit of the data is refused, unless the record that is redone has that block.
TEST_F(DamageTest, EveryBlockOfTheDataCounts) {
  advance(6);
  int refused = 0;
  const auto blocks = static_cast<size_t>(rpmb_file::kBlocksPerUnit);
  for (size_t block = 0; block < blocks; ++block) {
    DiskImage flipped = image_;
    flipped.store[rpmb_file::kDataOffset + block * rpmb::kBlockSize + block % 256] ^= std::byte{16};
    CrashDisk disk(flipped);
    const auto opened = open_store(disk);
    if (!opened.store) {
      ++refused;
      ASSERT_THAT(opened.error, HasSubstr("store: the data is not what commit 7 left there"));
    } else {
      ASSERT_EQ(contents_of(*opened.store), model_);
    }
  }
  EXPECT_GE(refused, static_cast<int>(blocks) - 2 * 8);
}

TEST_F(DamageTest, AnIoErrorEndsTheStore) {
  CrashDisk disk(image_);
  const auto opened = open_store(disk);
  ASSERT_TRUE(opened.store) << opened.error;
  Listener listener;
  opened.store->listen(listener);
  const Change change = random_change(random_, model_, 8);
  ASSERT_EQ(opened.store->commit(change.next, change.address, change.blocks),
            rpmb::StoreStatus::kPending);
  disk.finish(CrashDisk::Batch::kRecord, ENOSPC);
  EXPECT_EQ(listener.committed, false);
  EXPECT_TRUE(opened.store->failed());
  EXPECT_EQ(opened.store->state(), model_.state);
  std::vector<std::byte> block(rpmb::kBlockSize);
  EXPECT_EQ(opened.store->read(0, block), rpmb::StoreStatus::kFailed);
  EXPECT_EQ(opened.store->commit(change.next, 0, {}), rpmb::StoreStatus::kFailed);
}

// Also one behind the back of the commits: the next but one may not replace the record that
// still holds the blocks.
TEST_F(DamageTest, AnIoErrorOfTheDataEndsTheStoreToo) {
  CrashDisk disk(image_);
  const auto opened = open_store(disk);
  ASSERT_TRUE(opened.store) << opened.error;
  for (int i = 0; i < 2; ++i) {
    Change change = random_change(random_, model_, 8);
    change.blocks.resize(rpmb::kBlockSize, std::byte{1});
    ASSERT_TRUE(commit(disk, *opened.store, change));
    change.apply_to(model_);
  }
  Listener listener;
  opened.store->listen(listener);
  const Change change = random_change(random_, model_, 8);
  ASSERT_EQ(opened.store->commit(change.next, change.address, change.blocks),
            rpmb::StoreStatus::kPending);
  ASSERT_FALSE(disk.under_way(CrashDisk::Batch::kRecord)) << "waits for blocks of the first";
  disk.finish(CrashDisk::Batch::kData, EIO);
  EXPECT_EQ(listener.committed, false);
  EXPECT_TRUE(opened.store->failed());
  CrashDisk after(disk.image());
  const auto again = open_store(after);
  ASSERT_TRUE(again.store) << again.error;
  EXPECT_EQ(contents_of(*again.store), model_) << "nothing that was acknowledged is lost";
}

TEST_F(DamageTest, WhatTheCallerMayNotAskIsRefusedAndChangesNothing) {
  CrashDisk disk(image_);
  const auto opened = open_store(disk);
  ASSERT_TRUE(opened.store) << opened.error;
  hosts::RpmbFile& store = *opened.store;
  std::vector<std::byte> blocks(65 * rpmb::kBlockSize);
  const std::span all(blocks);
  using rpmb::StoreStatus;
  EXPECT_EQ(store.commit({}, 0, all), StoreStatus::kFailed);                      // too many
  EXPECT_EQ(store.commit({}, 512, all.first(256)), StoreStatus::kFailed);         // beyond
  EXPECT_EQ(store.commit({}, 511, all.first(512)), StoreStatus::kFailed);         // over the end
  EXPECT_EQ(store.commit({}, UINT32_MAX, all.first(256)), StoreStatus::kFailed);  // wraps
  EXPECT_EQ(store.commit({}, 0, all.first(255)), StoreStatus::kFailed);           // no block
  EXPECT_EQ(store.read(511, all.first(512)), StoreStatus::kFailed);
  EXPECT_EQ(store.read(512, {}), StoreStatus::kDone);
  Listener listener;
  store.listen(listener);
  ASSERT_EQ(store.commit({}, 0, all.first(256)), StoreStatus::kPending);
  EXPECT_EQ(store.commit({}, 0, all.first(256)), StoreStatus::kFailed) << "one at a time";
  EXPECT_EQ(store.read(0, all.first(256)), StoreStatus::kFailed) << "one at a time";
  disk.finish(CrashDisk::Batch::kRecord);
  EXPECT_EQ(listener.committed, true);
  EXPECT_EQ(store.sequence(), 2U);
}

}  // namespace
}  // namespace stratos::test
