// SPDX-License-Identifier: Apache-2.0
// A process that commits is killed, again and again, at any instant.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>

#include "hosts/rpmb_file/seal_key.h"
#include "rpmb_file/store_rig.h"
#include "runtime/test_loop.h"

namespace stratos::test {
namespace {

using hosts::RpmbFile;

// How often: the long run has all of the 200.
int kills() {
  const char* text = std::getenv("STRATOS_KILLS");
  return text == nullptr ? 10 : std::atoi(text);
}

// The commit that follows `model`, the same in every process.
Change change_after(const Model& model) {
  std::mt19937_64 random(model.state.write_counter);
  return random_change(random, model, 62);
}

// Tells each commit that is done through `pipe`, for ever.
[[noreturn]] void commit_for_ever(const RpmbFile::Options& options, int pipe) {
  const auto loop = runtime::make_loop();
  auto opened = RpmbFile::open(*loop, options);
  if (!opened) _exit(1);
  RpmbFile& store = **opened;
  Model model = contents_of(store);
  for (;;) {
    const Change change = change_after(model);
    Listener listener;
    store.listen(listener);
    if (store.commit(change.next, change.address, change.blocks) != rpmb::StoreStatus::kPending) {
      _exit(2);
    }
    while (!listener.committed) loop->turn(true);
    if (!*listener.committed) _exit(3);
    change.apply_to(model);
    const uint32_t done = model.state.write_counter;
    if (write(pipe, &done, sizeof(done)) != sizeof(done)) _exit(4);
  }
}

// Returns the last commit that was told.
uint32_t run_and_kill(const RpmbFile::Options& options, std::mt19937_64& random) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    commit_for_ever(options, ends[1]);
  }
  close(ends[1]);
  uint32_t done = 0;
  uint32_t told = 0;
  for (uint64_t wanted = random() % 4; wanted > 0; --wanted) {
    if (read(ends[0], &told, sizeof(told)) == sizeof(told)) done = told;
  }
  // Anywhere in the next commit, or in opening.
  const auto instant =
      std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3000);
  while (std::chrono::steady_clock::now() < instant) continue;
  kill(child, SIGKILL);
  while (read(ends[0], &told, sizeof(told)) == sizeof(told)) done = told;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child gave up: " << WEXITSTATUS(status);
  return done;
}

TEST(KillTest, NothingAcknowledgedIsLostAndNothingIsMixed) {
  const hub::ScratchDirectory scratch;
  const RpmbFile::Options options{.store = scratch.file("store"),
                                  .anchor = scratch.file("anchor"),
                                  .key_file = scratch.file("key")};
  ASSERT_TRUE(rpmb_file::generate_master_key(options.key_file).has_value());
  const auto key = rpmb_file::read_master_key({.file = options.key_file, .credential = {}});
  ASSERT_TRUE(key.has_value());
  ASSERT_TRUE(rpmb_file::create_store({.store = options.store, .anchor = options.anchor}, *key, 1,
                                      std::nullopt));
  std::mt19937_64 random(1);
  Model model = new_model();
  int in_flight = 0;
  for (int i = 0; i < kills(); ++i) {
    SCOPED_TRACE(i);
    const uint32_t done = run_and_kill(options, random);
    while (model.state.write_counter < done) change_after(model).apply_to(model);
    Model next = model;
    change_after(model).apply_to(next);
    const auto loop = runtime::make_loop();
    auto opened = RpmbFile::open(*loop, options);
    ASSERT_TRUE(opened.has_value()) << opened.error();
    const Model found = contents_of(**opened);
    ASSERT_TRUE(found == model || found == next)
        << "told " << done << ", found " << found.state.write_counter;
    if (found == next) ++in_flight;
    model = found;
  }
  std::printf("%d kills, %u commits, %d that were under way came through\n", kills(),
              model.state.write_counter, in_flight);
}

}  // namespace
}  // namespace stratos::test
