// SPDX-License-Identifier: Apache-2.0
// stratos-rpmb as an operator sees it: exit codes and messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "hosts/rpmb_file.h"
#include "hub/scratch_directory.h"
#include "runtime/test_loop.h"
#include "stratosd/subprocess.h"

namespace stratos::test {
namespace {

namespace fs = std::filesystem;
using hosts::RpmbFile;
using testing::HasSubstr;
using testing::IsEmpty;

struct Listener final : rpmb::StoreListener {
  void on_read(bool) override {}
  void on_committed(bool ok) override { committed = ok; }
  bool committed = false;
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ToolTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run({"generate-key", key_}).exit_code, 0);
    ASSERT_EQ(run({"create", store_, "--anchor", anchor_, "--capacity", "128K", "--key-file", key_,
                   "--cid", kCid})
                  .exit_code,
              0);
  }

  static ProgramResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), STRATOS_RPMB_PATH);
    return run_program(arguments);
  }
  // A command that is refused says one line and changes nothing.
  static std::string refusal(const std::vector<std::string>& arguments) {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 1) << result.output << result.errors;
    EXPECT_THAT(result.output, IsEmpty());
    EXPECT_THAT(result.errors, testing::StartsWith("stratos-rpmb: "));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    return result.errors;
  }
  std::vector<std::string> restore(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"restore",  backup_, "--store",    store_,
                                          "--anchor", anchor_, "--key-file", key_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  ProgramResult make_backup() const {
    return run({"backup", store_, backup_, "--anchor", anchor_, "--key-file", key_});
  }

  // What a guest would do, `count` times; returns the counter afterwards.
  uint32_t write(int count) {
    const auto loop = runtime::make_loop();
    auto store = RpmbFile::open(*loop, {.store = store_, .anchor = anchor_, .key_file = key_});
    EXPECT_TRUE(store.has_value()) << store.error();
    if (!store) return 0;
    rpmb::State state = (*store)->state();
    for (int i = 0; i < count; ++i) {
      Listener listener;
      (*store)->listen(listener);
      state.key_programmed = true;
      ++state.write_counter;
      const std::vector<std::byte> block(rpmb::kBlockSize, std::byte(state.write_counter));
      EXPECT_EQ((*store)->commit(state, state.write_counter, block), rpmb::StoreStatus::kPending);
      EXPECT_TRUE(turn_until(*loop, [&] { return listener.committed; }));
    }
    return state.write_counter;
  }

  static constexpr const char* kCid = "000102030405060708090a0b0c0d0e0f";
  hub::ScratchDirectory scratch_;
  const std::string store_ = scratch_.file("store");
  const std::string anchor_ = scratch_.file("anchor");
  const std::string key_ = scratch_.file("key");
  const std::string backup_ = scratch_.file("backup");
};

TEST_F(ToolTest, CreateMakesPrivateFilesOfFullSize) {
  EXPECT_EQ(fs::file_size(store_), 45056U + 128 * 1024);
  EXPECT_EQ(fs::file_size(anchor_), 45056U);
  for (const std::string& path : {store_, anchor_, key_}) {
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077, 0U) << path;
  }
}

TEST_F(ToolTest, CreateRefusesWhatIsThereAndWhatIsWrong) {
  const auto create = [&](const std::string& store, const std::string& anchor,
                          const std::string& capacity, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"create",     store,    "--anchor",   anchor,
                                          "--capacity", capacity, "--key-file", key_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return refusal(arguments);
  };
  const std::string other = scratch_.file("other");
  EXPECT_THAT(create(store_, other, "128K"), HasSubstr("exists and is not overwritten"));
  EXPECT_THAT(create(other, anchor_, "128K"), HasSubstr("exists and is not overwritten"));
  EXPECT_THAT(create(other, other, "128K"), HasSubstr("are the same file"));
  for (const char* capacity : {"0", "100K", "129K", "17M", "x", "128KB"}) {
    EXPECT_THAT(create(other, other + "2", capacity), HasSubstr("a multiple of 128K, at most 16M"));
  }
  EXPECT_THAT(create(other, other + "2", "128K", {"--cid", "12"}),
              HasSubstr("--cid 12: give 32 hexadecimal digits"));
  EXPECT_THAT(create(scratch_.file("no/such"), other, "128K"),
              HasSubstr("cannot create: No such file or directory"));
  EXPECT_FALSE(fs::exists(other));
  EXPECT_THAT(refusal({"generate-key", key_}), HasSubstr("a key is never overwritten"));
}

TEST_F(ToolTest, InspectTellsNoSecret) {
  write(3);
  const ProgramResult text = run({"inspect", store_, "--anchor", anchor_, "--key-file", key_});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output, HasSubstr("write counter:  3\n"));
  EXPECT_THAT(text.output, HasSubstr("key programmed: yes\n"));
  EXPECT_THAT(text.output, HasSubstr("anchor:         up to date\n"));
  const ProgramResult json =
      run({"inspect", store_, "--anchor", anchor_, "--key-file", key_, "--json"});
  const auto report = nlohmann::json::parse(json.output);
  EXPECT_EQ(report["cid"], kCid);
  EXPECT_EQ(report["capacity"], 131072);
  EXPECT_EQ(report["blocks"], 512);
  EXPECT_EQ(report["write_counter"], 3);
  EXPECT_EQ(report["sequence"], 4);
  EXPECT_EQ(report["key_programmed"], true);
  EXPECT_EQ(report.size(), 10U) << "something more is told: is it a secret?";
}

TEST_F(ToolTest, VerifySeesDamageByItsExitCode) {
  write(3);
  const std::vector<std::string> verify = {"verify", store_,       "--anchor",
                                           anchor_,  "--key-file", key_};
  EXPECT_EQ(run(verify).output, store_ + ": intact, commit 4\n");
  std::string bytes = content(store_);
  bytes[45056 + 100 * 256] ^= 1;
  std::ofstream(store_, std::ios::binary) << bytes;
  EXPECT_THAT(refusal(verify), HasSubstr("damaged or tampered with; restore a backup"));
}

TEST_F(ToolTest, LookingDoesNotChange) {
  write(3);
  const std::string before = content(store_) + content(anchor_);
  ASSERT_EQ(run({"inspect", store_, "--anchor", anchor_, "--key-file", key_}).exit_code, 0);
  ASSERT_EQ(run({"verify", store_, "--anchor", anchor_, "--key-file", key_}).exit_code, 0);
  ASSERT_EQ(make_backup().exit_code, 0);
  EXPECT_EQ(content(store_) + content(anchor_), before);
}

TEST_F(ToolTest, AStoreInUseIsLeftAlone) {
  const auto loop = runtime::make_loop();
  const auto store = RpmbFile::open(*loop, {.store = store_, .anchor = anchor_, .key_file = key_});
  ASSERT_TRUE(store.has_value()) << store.error();
  EXPECT_THAT(refusal({"verify", store_, "--anchor", anchor_, "--key-file", key_}),
              HasSubstr("in use by another process"));
}

TEST_F(ToolTest, ABackupOfTheNewestStateComesBack) {
  const uint32_t counter = write(5);
  ASSERT_EQ(make_backup().exit_code, 0);
  EXPECT_EQ(run({"verify", backup_, "--key-file", key_}).output,
            backup_ + ": intact, commit 6; without --anchor, nothing tells whether it is old\n");
  EXPECT_THAT(refusal({"backup", store_, backup_, "--anchor", anchor_, "--key-file", key_}),
              HasSubstr("exists and is not overwritten"));
  EXPECT_THAT(refusal(restore()), HasSubstr(store_ + ": exists and is not overwritten"));
  fs::remove(store_);
  ASSERT_EQ(run(restore()).exit_code, 0);
  EXPECT_EQ(write(1), counter + 1);
}

// The anchor has the one commit that came after the backup.
TEST_F(ToolTest, ABackupOneCommitOldLosesNothing) {
  write(5);
  ASSERT_EQ(make_backup().exit_code, 0);
  const uint32_t counter = write(1);
  fs::remove(store_);
  ASSERT_EQ(run(restore()).exit_code, 0);
  EXPECT_EQ(write(0), counter);
}

TEST_F(ToolTest, AnOldBackupNeedsConsent) {
  const uint32_t counter = write(5);
  ASSERT_EQ(make_backup().exit_code, 0);
  write(4);
  const std::string newest = content(store_);
  fs::remove(store_);
  EXPECT_THAT(refusal(restore()),
              HasSubstr("the anchor knows commit 10, the backup ends at commit 6"));
  EXPECT_FALSE(fs::exists(store_));
  ASSERT_EQ(run(restore({"--accept-rollback"})).exit_code, 0);
  EXPECT_EQ(write(0), counter);
  EXPECT_EQ(write(2), counter + 2);
  // What was undone does not come back unseen.
  std::ofstream(store_, std::ios::binary) << newest;
  EXPECT_THAT(refusal({"verify", store_, "--anchor", anchor_, "--key-file", key_}),
              HasSubstr("rolled back"));
}

TEST_F(ToolTest, ALostAnchorNeedsConsent) {
  const uint32_t counter = write(5);
  ASSERT_EQ(run({"backup", store_, backup_, "--key-file", key_}).exit_code, 0);
  write(1);
  const std::string newest = content(store_);
  fs::remove(anchor_);
  fs::remove(store_);
  EXPECT_THAT(refusal(restore()), HasSubstr("there is no anchor"));
  ASSERT_EQ(run(restore({"--accept-rollback"})).exit_code, 0);
  // What was undone does not come back unseen.
  const std::string restored = content(store_);
  std::ofstream(store_, std::ios::binary) << newest;
  EXPECT_THAT(refusal({"verify", store_, "--anchor", anchor_, "--key-file", key_}),
              HasSubstr("do not follow from each other"));
  std::ofstream(store_, std::ios::binary) << restored;
  EXPECT_EQ(write(1), counter + 1);
}

TEST_F(ToolTest, AnAnchorOlderThanTheBackupIsRefused) {
  write(2);
  const std::string old = content(anchor_);
  write(4);
  ASSERT_EQ(make_backup().exit_code, 0);
  fs::remove(store_);
  std::ofstream(anchor_, std::ios::binary) << old;
  EXPECT_THAT(refusal(restore({"--accept-rollback"})), HasSubstr("it is not the newest anchor"));
}

TEST_F(ToolTest, TheWrongKeyOpensNothing) {
  const std::string other = scratch_.file("other-key");
  ASSERT_EQ(run({"generate-key", other}).exit_code, 0);
  EXPECT_THAT(refusal({"verify", store_, "--anchor", anchor_, "--key-file", other}),
              HasSubstr("sealed with another key"));
}

TEST_F(ToolTest, UsageErrorsHaveACodeOfTheirOwn) {
  EXPECT_EQ(run({}).exit_code, 2);
  EXPECT_EQ(run({"frobnicate"}).exit_code, 2);
  EXPECT_EQ(run({"verify", store_}).exit_code, 2);  // no key
  EXPECT_EQ(run({"verify", store_, "--key-file", key_, "--key-credential", "k"}).exit_code, 2);
  EXPECT_EQ(run({"create", store_, "--key-file", key_}).exit_code, 2);
  EXPECT_EQ(run({"--help"}).exit_code, 0);
}

}  // namespace
}  // namespace stratos::test
