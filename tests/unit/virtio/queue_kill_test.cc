// SPDX-License-Identifier: Apache-2.0
// The device's process is killed after each of its stores to shared memory, and a
// successor goes on: no chain is lost, and none is completed twice.

#include <cstring>

#include "queue_rig.h"
#include "single_step.h"

namespace stratos::test {
namespace {

using virtio::Chain;
using virtio::InflightTable;
using virtio::PopResult;
using virtio::Queue;
using virtio::QueueError;

constexpr size_t kMemory = 16384;

// Calls of a device, drawn in advance: what is stepped through has to be short.
using Script = std::vector<uint32_t>;

Script draw_script(uint32_t seed, size_t calls) {
  Random random(seed);
  Script script(calls);
  std::ranges::generate(script, random);
  return script;
}

class QueueKill : public testing::TestWithParam<virtio::QueueSetup> {
 protected:
  QueueKill() : memory_(kMemory), driver_(DriverQueue::make(memory_, GetParam())) {
    const size_t bytes = InflightTable::bytes(GetParam().size, GetParam().packed);
    const uint64_t address = memory_.allocate(bytes, 64);
    table_ = InflightTable(std::span(memory_.at(address), bytes));
    buffer_ = {memory_.allocate(16), 16};
    EXPECT_EQ(device_.start(memory_.memory(), driver_->setup(), table_), QueueError::kNone);
  }

#ifdef __SANITIZE_THREAD__
  void SetUp() override { GTEST_SKIP() << "single steps through TSan's runtime take hours"; }
#endif

  // Offers chains of all kinds until there is no room.
  void refill(DriverQueue& driver, std::vector<uint16_t>& outstanding) {
    const std::vector<Buffer> buffers(3, buffer_);
    for (;; ++offered_) {
      const size_t readable = offered_ % 3;
      const auto id = driver.add(std::span(buffers).first(readable), std::span(buffers).first(1),
                                 offered_ % 4 == 0);
      if (!id) break;
      outstanding.push_back(*id);
    }
    driver.publish();
  }

  static void collect(DriverQueue& driver, std::vector<uint16_t>& outstanding) {
    while (const std::optional<Used> used = driver.get_used()) {
      EXPECT_EQ(std::erase(outstanding, used->id), 1U) << "completed twice";
    }
  }

  // Two chains, since they have to keep their order; and publish() comes in between.
  static void take_and_put_back(Queue& device) {
    Chain first;
    if (device.pop(first) != PopResult::kChain) return;
    Chain second;
    const bool both = device.pop(second) == PopResult::kChain;
    device.publish();
    if (both) device.unpop(second);
    device.unpop(first);
  }

  static void run(const Script& script, Queue& device, std::vector<Chain>& popped) {
    Chain chain;
    for (const uint32_t call : script) {
      switch (call % 8) {
        case 0:
          device.publish();
          break;
        case 1:
          take_and_put_back(device);
          break;
        case 2:
        case 3:
        case 4:
          if (!popped.empty()) {
            const auto which = popped.begin() + call / 8 % popped.size();
            device.push(*which, call / 8 % 32);
            popped.erase(which);
          }
          break;
        default:
          if (device.pop(chain) == PopResult::kChain) popped.push_back(chain);
          break;
      }
    }
    device.publish();
  }

  void restore(const Snapshot& snapshot) {
    std::memcpy(memory_.bytes().data(), snapshot.data(), snapshot.size());
  }

  // A successor finds `snapshot`. The driver may have gone on meanwhile.
  void go_on(const Snapshot& snapshot, bool driver_goes_on) {
    restore(snapshot);
    const std::unique_ptr<DriverQueue> driver = driver_->clone();
    std::vector<uint16_t> outstanding = outstanding_;
    if (driver_goes_on) {
      collect(*driver, outstanding);
      refill(*driver, outstanding);
    }
    Queue device;
    ASSERT_EQ(device.resume(memory_.memory(), driver_->setup(), table_), QueueError::kNone);
    EXPECT_TRUE(device.should_notify());
    collect(*driver, outstanding);

    std::vector<Chain> chains(1);
    std::vector<uint16_t> ids;
    while (device.pop(chains.back()) == PopResult::kChain) {
      ids.push_back(chains.back().id());
      chains.emplace_back();
    }
    chains.pop_back();
    ASSERT_EQ(device.error(), QueueError::kNone);
    EXPECT_EQ(ids, outstanding) << "lost, or not in the old order";
    for (size_t i = chains.size(); i-- > 0;) {
      device.push(chains[i], 1);
      if (i % 2 == 0) device.publish();
      collect(*driver, outstanding);
    }
    EXPECT_TRUE(outstanding.empty());
    EXPECT_EQ(driver->outstanding(), 0);
  }

  DriverMemory memory_;
  std::unique_ptr<DriverQueue> driver_;
  InflightTable table_;
  Buffer buffer_;
  Queue device_;
  std::vector<uint16_t> outstanding_;  // ids, in the order in which they were offered
  uint32_t offered_ = 0;
};

TEST_P(QueueKill, AfterEachStore) {
  std::vector<Chain> popped;
  popped.reserve(GetParam().size);
  size_t stores = 0;
  for (uint32_t phase = 0; phase < 12; ++phase) {
    const Script script = draw_script(phase, 30);
    refill(*driver_, outstanding_);
    const auto snapshots = run_stepwise(memory_.bytes(), [&] { run(script, device_, popped); });
    if (!snapshots) GTEST_SKIP() << "this machine does not let us trace a child";
    stores += snapshots->size();
    for (const Snapshot& snapshot : *snapshots) {
      go_on(snapshot, false);
      go_on(snapshot, true);
      ASSERT_FALSE(HasFailure()) << "phase " << phase;
    }
    // Nobody was killed; the next phase.
    restore(snapshots->front());
    run(script, device_, popped);
    collect(*driver_, outstanding_);
  }
  EXPECT_GT(stores, 100U) << "the scripts do nothing";
}

// The successor is killed as well: while it resumes, and while it works.
TEST_P(QueueKill, TheSuccessorAfterEachStore) {
  std::vector<Chain> popped;
  popped.reserve(GetParam().size);
  refill(*driver_, outstanding_);
  const Script first = draw_script(1, 30);
  const auto lives = run_stepwise(memory_.bytes(), [&] { run(first, device_, popped); });
  if (!lives) GTEST_SKIP() << "this machine does not let us trace a child";
  for (size_t life = 0; life < lives->size(); life += 3) {
    restore((*lives)[life]);
    const Script second = draw_script(static_cast<uint32_t>(life), 12);
    popped.clear();
    const auto snapshots = run_stepwise(memory_.bytes(), [&] {
      device_.resume(memory_.memory(), driver_->setup(), table_);
      run(second, device_, popped);
    });
    ASSERT_TRUE(snapshots);
    for (const Snapshot& snapshot : *snapshots) {
      go_on(snapshot, life % 2 == 0);
      ASSERT_FALSE(HasFailure()) << "life " << life;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, QueueKill,
                         testing::Values(split_features(4), split_features(8), packed_features(4),
                                         packed_features(7)),
                         features_name);

}  // namespace
}  // namespace stratos::test
