// SPDX-License-Identifier: Apache-2.0
// Stores in real files, through io_uring.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "hosts/rpmb_file/file_medium.h"
#include "hosts/rpmb_file/seal_key.h"
#include "rpmb_file/store_rig.h"
#include "runtime/file_lock.h"
#include "runtime/test_loop.h"
#include "runtime/unique_fd.h"

namespace stratos::test {
namespace {

namespace fs = std::filesystem;
using hosts::RpmbFile;
using testing::HasSubstr;

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(rpmb_file::generate_master_key(options_.key_file).has_value());
    const auto key = rpmb_file::read_master_key({.file = options_.key_file, .credential = {}});
    ASSERT_TRUE(key.has_value()) << key.error();
    const auto made = rpmb_file::create_store({.store = options_.store, .anchor = options_.anchor},
                                              *key, 1, std::nullopt);
    ASSERT_TRUE(made.has_value()) << made.error();
  }

  std::string refusal() {
    const auto opened = RpmbFile::open(*loop_, options_);
    if (opened) return "not refused";
    EXPECT_EQ(opened.error().find('\n'), std::string::npos);
    return opened.error();
  }

  bool commit(RpmbFile& store, const Change& change) {
    Listener listener;
    store.listen(listener);
    if (store.commit(change.next, change.address, change.blocks) != rpmb::StoreStatus::kPending) {
      return false;
    }
    return turn_until(*loop_, [&] { return listener.committed.has_value(); }) &&
           *listener.committed;
  }

  hub::ScratchDirectory scratch_;
  RpmbFile::Options options_{.store = scratch_.file("store"),
                             .anchor = scratch_.file("anchor"),
                             .key_file = scratch_.file("key")};
  std::unique_ptr<runtime::Loop> loop_ = runtime::make_loop();
  std::mt19937_64 random_;
};

TEST_F(FilesTest, CommitsOutliveTheProcess) {
  Model model = new_model();
  rpmb_file::Cid cid{};
  for (int generation = 0; generation < 3; ++generation) {
    auto opened = RpmbFile::open(*loop_, options_);
    ASSERT_TRUE(opened.has_value()) << opened.error();
    RpmbFile& store = **opened;
    EXPECT_EQ(contents_of(store), model);
    if (generation == 0) cid = store.cid();
    EXPECT_EQ(store.cid(), cid);
    for (int i = 0; i < 10; ++i) {
      const Change change = random_change(random_, model, 64);
      ASSERT_TRUE(commit(store, change));
      change.apply_to(model);
      ASSERT_EQ(contents_of(store), model);
    }
    EXPECT_EQ(store.sequence(), 1U + 10U * static_cast<unsigned>(generation + 1));
    opened->reset();
    loop_ = runtime::make_loop();  // the old one ends with its process, and with all it waits for
  }
}

// Its writes may still be under way: the successor waits for them, then finds one of two.
TEST_F(FilesTest, AStoreThatGoesAwayDuringACommitLeavesOldOrNew) {
  Model model = new_model();
  for (int i = 0; i < 10; ++i) {
    const Change change = random_change(random_, model, 64);
    Model next = model;
    change.apply_to(next);
    Listener listener;
    {
      auto opened = RpmbFile::open(*loop_, options_);
      ASSERT_TRUE(opened.has_value()) << opened.error();
      (*opened)->listen(listener);
      ASSERT_EQ((*opened)->commit(change.next, change.address, change.blocks),
                rpmb::StoreStatus::kPending);
    }
    EXPECT_FALSE(listener.committed.has_value());
    // The kernel gives the files back in turns of the loop.
    ASSERT_TRUE(runtime::turn_until(*loop_, [&] {
      const runtime::UniqueFd fd(open(options_.anchor.c_str(), O_RDWR | O_CLOEXEC));
      return !runtime::lock_file(fd.get(), runtime::LockKind::kExclusive,
                                 std::chrono::milliseconds(0));
    }));
    auto opened = RpmbFile::open(*loop_, options_);
    ASSERT_TRUE(opened.has_value()) << opened.error();
    const Model found = contents_of(**opened);
    EXPECT_TRUE(found == model || found == next);
    model = found;
  }
}

TEST_F(FilesTest, AStoreIsOpenOnce) {
  const auto first = RpmbFile::open(*loop_, options_);
  ASSERT_TRUE(first.has_value()) << first.error();
  EXPECT_EQ(
      refusal(),
      options_.store + ": in use by another process; stop it, or give each guest its own store");
}

// Two stores may not share an anchor either, even if one is a copy of the other.
TEST_F(FilesTest, AnAnchorIsOpenOnce) {
  const auto first = RpmbFile::open(*loop_, options_);
  ASSERT_TRUE(first.has_value()) << first.error();
  fs::copy_file(options_.store, scratch_.file("copy"));
  options_.store = scratch_.file("copy");
  EXPECT_THAT(refusal(), HasSubstr(options_.anchor + ": in use by another process"));
}

TEST_F(FilesTest, WhoDiesNowIsWaitedFor) {
  runtime::UniqueFd holder(open(options_.store.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_FALSE(runtime::lock_file(holder.get(), runtime::LockKind::kExclusive));
  const pid_t child = fork();
  if (child == 0) {
    // Has the lock as long as it lives: the parent closes its own descriptor.
    usleep(100'000);
    _exit(0);
  }
  holder.reset();
  const auto opened = RpmbFile::open(*loop_, options_);
  EXPECT_TRUE(opened.has_value()) << opened.error();
  waitpid(child, nullptr, 0);
}

TEST_F(FilesTest, WhatIsNotThereIsNotMade) {
  for (std::string* path : {&options_.store, &options_.anchor}) {
    const std::string right = *path;
    *path = scratch_.file("nowhere");
    EXPECT_EQ(refusal(), *path +
                             ": does not exist; make one with stratos-rpmb create, or mount "
                             "its disk");
    EXPECT_FALSE(fs::exists(*path));
    *path = right;
  }
}

TEST_F(FilesTest, WrongPathsAreRefused) {
  RpmbFile::Options options = options_;
  options_.anchor = options_.store;
  EXPECT_THAT(refusal(), HasSubstr("store and anchor are the same file"));
  options_ = options;
  options_.anchor.clear();
  EXPECT_THAT(refusal(), HasSubstr("needs an anchor"));
  options_ = options;
  options_.store = "/tmp";
  EXPECT_THAT(refusal(), HasSubstr("/tmp: cannot open: Is a directory"));
  options_.store = "/dev/null";
  EXPECT_THAT(refusal(), HasSubstr("/dev/null: is no regular file"));
}

TEST_F(FilesTest, FilesThatOthersMayUseAreRefused) {
  for (const std::string& path : {options_.store, options_.anchor}) {
    ASSERT_EQ(chmod(path.c_str(), 0604), 0);
    EXPECT_EQ(refusal(), path + ": others may use it; chmod o= " + path);
    ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  }
}

// A disk that fails: here a memory file that is sealed against writing once it is open.
TEST_F(FilesTest, AWriteErrorEndsTheStore) {
  const runtime::UniqueFd fd(memfd_create("store", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_TRUE(fd.valid());
  std::ifstream original(options_.store, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(original), {});
  ASSERT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(fchmod(fd.get(), 0600), 0);
  options_.store = "/proc/self/fd/" + std::to_string(fd.get());
  auto opened = RpmbFile::open(*loop_, options_);
  ASSERT_TRUE(opened.has_value()) << opened.error();
  Model model = new_model();
  const Change change = random_change(random_, model, 64);
  ASSERT_TRUE(commit(**opened, change));
  ASSERT_EQ(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_FALSE(commit(**opened, change));
  EXPECT_TRUE((*opened)->failed());
  std::vector<std::byte> block(rpmb::kBlockSize);
  EXPECT_EQ((*opened)->read(0, block), rpmb::StoreStatus::kFailed);
  EXPECT_EQ((*opened)->commit(change.next, 0, {}), rpmb::StoreStatus::kFailed);
}

TEST_F(FilesTest, CreateNeverOverwrites) {
  const rpmb_file::FilePaths both{.store = options_.store, .anchor = options_.anchor};
  EXPECT_THAT(rpmb_file::create_store(both, kKey, 1, std::nullopt).error(),
              HasSubstr("anchor: exists and is not overwritten"));
  // The store is there: the new anchor goes again.
  const rpmb_file::FilePaths one{.store = options_.store, .anchor = scratch_.file("new")};
  EXPECT_THAT(rpmb_file::create_store(one, kKey, 1, std::nullopt).error(),
              HasSubstr("store: exists and is not overwritten"));
  EXPECT_FALSE(fs::exists(one.anchor));
  EXPECT_EQ(refusal(), "not refused");
}

class KeyTest : public testing::Test {
 protected:
  std::string write(const std::string& text, mode_t mode = 0600) {
    const std::string path = scratch_.file("key");
    fs::remove(path);
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  static std::string refusal(const rpmb_file::KeySource& source) {
    const auto key = rpmb_file::read_master_key(source);
    return key ? "not refused" : key.error();
  }

  hub::ScratchDirectory scratch_;
};

TEST_F(KeyTest, BytesOrDigits) {
  rpmb_file::MasterKey expected;
  expected.fill(std::byte{'A'});
  std::string digits;
  for (int i = 0; i < 32; ++i) digits += "41";
  for (const std::string& text : {std::string(32, 'A'), digits, digits + "\n"}) {
    const auto key = rpmb_file::read_master_key({.file = write(text), .credential = {}});
    ASSERT_TRUE(key.has_value()) << key.error();
    EXPECT_EQ(*key, expected);
  }
  for (const std::string& text :
       {std::string(), std::string(31, 'A'), std::string(33, 'A'), digits + "4",
        digits.substr(2) + "zz", digits + "\n\n", std::string(5000, '4')}) {
    EXPECT_THAT(refusal({.file = write(text), .credential = {}}), HasSubstr("is no key: 32 bytes"));
  }
}

TEST_F(KeyTest, WhatOthersCanReadIsRefused) {
  const std::string key(32, 'A');
  for (const mode_t mode : {0604, 0602, 0620, 0601}) {
    EXPECT_THAT(refusal({.file = write(key, mode), .credential = {}}),
                HasSubstr("the sealing key is open to others; chmod 0400 "));
  }
  for (const mode_t mode : {0400, 0600, 0440}) {
    EXPECT_EQ(refusal({.file = write(key, mode), .credential = {}}), "not refused");
  }
}

TEST_F(KeyTest, ACredentialOfSystemd) {
  write(std::string(32, 'A'));
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_THAT(refusal({.file = {}, .credential = "key"}), HasSubstr("LoadCredential="));
  setenv("CREDENTIALS_DIRECTORY", fs::path(scratch_.file("key")).parent_path().c_str(), 1);
  EXPECT_EQ(refusal({.file = {}, .credential = "key"}), "not refused");
  EXPECT_THAT(refusal({.file = {}, .credential = "other"}), HasSubstr("cannot open"));
  EXPECT_THAT(refusal({.file = {}, .credential = "../key"}), HasSubstr("a name, not a path"));
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_THAT(refusal({.file = "a", .credential = "b"}), HasSubstr("either a key file or"));
  EXPECT_THAT(refusal({.file = {}, .credential = {}}), HasSubstr("either a key file or"));
}

}  // namespace
}  // namespace stratos::test
