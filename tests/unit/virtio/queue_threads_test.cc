// SPDX-License-Identifier: Apache-2.0
// Driver and device in two threads that sleep until the other notifies: a lost
// notification hangs, a lost or doubled chain is counted, and a race is for TSan.

#include <atomic>
#include <cstring>
#include <thread>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Chain;
using virtio::PopResult;
using virtio::QueueError;

// A doorbell that stays rung until somebody looks.
class Doorbell {
 public:
  void ring() {
    rings_.fetch_add(1);
    rings_.notify_one();
  }
  // Waits until it was rung since the last wait.
  void wait() {
    rings_.wait(seen_);
    seen_ = rings_.load();
  }
  uint32_t count() const { return rings_.load(); }

 private:
  std::atomic<uint32_t> rings_ = 0;
  uint32_t seen_ = 0;
};

class QueueThreads : public testing::TestWithParam<virtio::QueueSetup> {};

// Answers each number with its complement, in batches, the last one first.
void serve(QueueRig& rig, uint32_t total, Doorbell& kicks, Doorbell& calls) {
  std::vector<Chain> batch(16);
  for (uint32_t served = 0; served < total;) {
    size_t count = 0;
    PopResult result = PopResult::kChain;
    while (count < batch.size() && (result = rig.device().pop(batch[count])) == PopResult::kChain) {
      ++count;
    }
    for (size_t i = count; i-- > 0;) {
      uint32_t number = 0;
      batch[i].read(0, std::as_writable_bytes(std::span(&number, 1)));
      number = ~number;
      rig.device().push(
          batch[i], static_cast<uint32_t>(batch[i].write(0, std::as_bytes(std::span(&number, 1)))));
    }
    served += static_cast<uint32_t>(count);
    if (rig.device().publish() && rig.device().should_notify()) calls.ring();
    if (result == PopResult::kChain) continue;
    ASSERT_EQ(result, PopResult::kEmpty) << to_string(rig.device().error());
    if (served < total && !rig.device().enable_notifications()) kicks.wait();
    rig.device().disable_notifications();
  }
}

TEST_P(QueueThreads, EveryChainIsAnsweredAndNobodySleepsForever) {
  constexpr uint32_t kTotal = 100000;
  QueueRig rig(GetParam());
  ASSERT_EQ(rig.start(), QueueError::kNone);
  DriverQueue& driver = rig.driver();
  Doorbell kicks;
  Doorbell calls;
  std::vector<Buffer> requests(GetParam().size);
  std::vector<Buffer> answers(GetParam().size);
  std::vector<uint32_t> number_of(GetParam().size);
  std::vector<size_t> place_of(GetParam().size);
  std::vector<size_t> free_places;
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i] = rig.buffer(4);
    answers[i] = rig.buffer(4);
    free_places.push_back(i);
  }
  std::jthread device([&] { serve(rig, kTotal, kicks, calls); });

  for (uint32_t sent = 0, answered = 0; answered < kTotal;) {
    while (sent < kTotal && !free_places.empty()) {
      const size_t place = free_places.back();
      std::memcpy(rig.memory().at(requests[place].address), &sent, 4);
      const auto id = driver.add(std::span(&requests[place], 1), std::span(&answers[place], 1),
                                 GetParam().indirect && sent % 2 == 0);
      if (!id) break;
      number_of[*id] = sent++;
      place_of[*id] = place;
      free_places.pop_back();
    }
    driver.publish();
    if (driver.kick_needed()) kicks.ring();
    const uint32_t before = answered;
    while (const std::optional<Used> used = driver.get_used()) {
      uint32_t answer = 0;
      std::memcpy(&answer, rig.memory().at(answers[place_of[used->id]].address), 4);
      ASSERT_EQ(answer, ~number_of[used->id]);
      ASSERT_EQ(used->length, 4U);
      free_places.push_back(place_of[used->id]);
      ++answered;
    }
    if (answered == before && !driver.enable_notifications()) calls.wait();
    driver.disable_notifications();
  }
  EXPECT_EQ(driver.outstanding(), 0);
  EXPECT_LE(kicks.count(), kTotal);
  EXPECT_LE(calls.count(), kTotal);
}

INSTANTIATE_TEST_SUITE_P(Kinds, QueueThreads,
                         testing::Values(split_features(8), split_features(8, false),
                                         split_features(256), packed_features(8),
                                         packed_features(8, false), packed_features(256)),
                         features_name);

}  // namespace
}  // namespace stratos::test
