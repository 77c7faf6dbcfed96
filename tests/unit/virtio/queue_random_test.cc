// SPDX-License-Identifier: Apache-2.0
// Long random walks of a driver and a device, against a simple model of what has to
// happen; and of a mad driver, which must not matter to anybody else.

#include <deque>

#include "queue_rig.h"

namespace stratos::test {
namespace {

using virtio::Chain;
using virtio::PopResult;
using virtio::QueueError;

constexpr size_t kBuffers = 16;
constexpr uint32_t kBufferSize = 64;

class Walk {
 public:
  Walk(const virtio::QueueSetup& features, uint32_t seed) : rig_(features), random_(seed) {
    EXPECT_EQ(rig_.start(), QueueError::kNone);
    for (Buffer& buffer : buffers_) buffer = rig_.buffer(kBufferSize);
  }

  void step() {
    switch (random_() % 8) {
      case 0:
      case 1:
        return add();
      case 2:
        return publish();
      case 3:
      case 4:
        return pop();
      case 5:
        return push();
      case 6:
        return complete();
      default:
        return collect();
    }
  }

 private:
  struct Offer {
    uint16_t id = 0;
    std::vector<Buffer> readable;
    std::vector<Buffer> writable;
  };

  std::vector<Buffer> draw_buffers(size_t most) {
    std::vector<Buffer> result(random_() % (most + 1));
    for (Buffer& each : result) {
      each = buffers_[random_() % kBuffers];
      each.size = 1 + random_() % kBufferSize;
    }
    return result;
  }

  void add() {
    Offer offer{0, draw_buffers(3), draw_buffers(3)};
    const auto id = rig_.driver().add(offer.readable, offer.writable, random_() % 3 == 0);
    if (!id) return;
    offer.id = *id;
    added_.push_back(offer);
  }

  void publish() {
    rig_.driver().publish();
    while (!added_.empty()) {
      available_.push_back(added_.front());
      added_.pop_front();
    }
  }

  void pop() {
    Chain chain;
    const PopResult result = rig_.device().pop(chain);
    ASSERT_EQ(result, available_.empty() ? PopResult::kEmpty : PopResult::kChain);
    if (available_.empty()) return;
    expect_same(chain, available_.front());
    if (random_() % 5 == 0) return rig_.device().unpop(chain);
    available_.pop_front();
    popped_.push_back(chain);
  }

  void expect_same(const Chain& chain, const Offer& offer) {
    ASSERT_EQ(chain.id(), offer.id);
    ASSERT_EQ(chain.readable().size(), offer.readable.size());
    ASSERT_EQ(chain.writable().size(), offer.writable.size());
    for (size_t i = 0; i < offer.readable.size(); ++i) {
      ASSERT_EQ(chain.readable()[i].data, rig_.memory().at(offer.readable[i].address));
      ASSERT_EQ(chain.readable()[i].size, offer.readable[i].size);
    }
    for (size_t i = 0; i < offer.writable.size(); ++i) {
      ASSERT_EQ(chain.writable()[i].data, rig_.memory().at(offer.writable[i].address));
      ASSERT_EQ(chain.writable()[i].size, offer.writable[i].size);
    }
  }

  void push() {
    if (popped_.empty()) return;
    const auto which = popped_.begin() + static_cast<ptrdiff_t>(random_() % popped_.size());
    const uint32_t written = random_() % 256;
    rig_.device().push(*which, written);
    pushed_.push_back(
        {which->id(), static_cast<uint32_t>(std::min<uint64_t>(written, which->writable_size()))});
    popped_.erase(which);
  }

  void complete() {
    ASSERT_EQ(rig_.device().publish(), !pushed_.empty());
    used_.insert(used_.end(), pushed_.begin(), pushed_.end());
    pushed_.clear();
  }

  void collect() {
    const std::optional<Used> used = rig_.driver().get_used();
    ASSERT_EQ(used.has_value(), !used_.empty());
    if (!used) return;
    ASSERT_EQ(*used, used_.front());
    used_.pop_front();
  }

  QueueRig rig_;
  Random random_;
  std::array<Buffer, kBuffers> buffers_;
  std::deque<Offer> added_;
  std::deque<Offer> available_;
  std::vector<Chain> popped_;
  std::vector<Used> pushed_;
  std::deque<Used> used_;
};

class QueueRandom : public testing::TestWithParam<virtio::QueueSetup> {};

TEST_P(QueueRandom, DeviceDoesWhatTheModelSays) {
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    Walk walk(GetParam(), seed);
    for (int i = 0; i < 250000; ++i) {
      walk.step();
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << " step " << i;
    }
  }
}

// Serves whatever is there; every segment has to lie within the memory.
size_t serve_all(QueueRig& rig) {
  const std::span<std::byte> memory = rig.memory().bytes();
  std::vector<Chain> chains(1);
  while (rig.device().pop(chains.back()) == PopResult::kChain) {
    EXPECT_LT(chains.back().id(), rig.setup.size);
    for (const auto& segments : {chains.back().readable(), chains.back().writable()}) {
      for (const virtio::Segment& segment : segments) {
        EXPECT_GE(segment.data, memory.data());
        EXPECT_LE(segment.size, static_cast<size_t>(memory.data() + memory.size() - segment.data));
      }
    }
    if (chains.size() > rig.setup.size) ADD_FAILURE() << "more chains than the queue has entries";
    chains.emplace_back();
  }
  chains.pop_back();
  for (const Chain& chain : chains) rig.device().push(chain, 7);
  rig.device().publish();
  rig.device().should_notify();
  rig.device().enable_notifications();
  return chains.size();
}

// A few bytes of the rings change under a queue that works. Nothing outside may be
// touched, and each round ends.
TEST_P(QueueRandom, MadDriverHurtsNobody) {
  Random random(99);
  size_t served = 0;
  size_t broken = 0;
  for (int round = 0; round < 4000; ++round) {
    QueueRig rig(GetParam(), 65536);
    const std::vector<Buffer> buffers(2, rig.buffer(kBufferSize));
    const uint64_t end = buffers[0].address;
    ASSERT_EQ(rig.start(), QueueError::kNone);
    for (int turn = 0; turn < 5 && rig.device().error() == QueueError::kNone; ++turn) {
      for (int i = 0; i < 4; ++i) rig.driver().add(buffers, buffers, random() % 2 == 0);
      rig.driver().publish();
      for (uint32_t left = random() % 16; left != 0; --left) {
        // Where there is something, most of the time.
        const uint64_t at = 64 + random() % (random() % 2 == 0 ? 512 : end - 64);
        *rig.memory().at(at) = static_cast<std::byte>(random() % 2 == 0 ? random() : random() % 9);
      }
      served += serve_all(rig);
    }
    broken += rig.device().error() != QueueError::kNone ? 1U : 0U;
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  EXPECT_GT(served, 2000U) << "too mad to be accepted at all";
  EXPECT_GT(broken, 500U) << "not mad at all";
}

INSTANTIATE_TEST_SUITE_P(Kinds, QueueRandom,
                         testing::Values(split_features(8), split_features(32, false),
                                         packed_features(8), packed_features(13, false),
                                         packed_features(32)),
                         features_name);

}  // namespace
}  // namespace stratos::test
