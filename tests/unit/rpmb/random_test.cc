// SPDX-License-Identifier: Apache-2.0
// A long random walk, beside a model that is short enough to be read in one go.

#include <gtest/gtest.h>

#include <random>

#include "rpmb/rpmb_rig.h"

namespace stratos::test {
namespace {

constexpr uint32_t kEnd = 0xffffffff;
constexpr uint16_t kMaxWrite = 4;
constexpr uint16_t kMaxRead = 5;
constexpr size_t kOperations = STRATOS_OPERATIONS;
constexpr size_t kDevices = 20;

// What is asked, so far as it decides the answer.
struct Operation {
  uint16_t type = 0;
  uint16_t count = 1;
  uint16_t address = 0;
  uint32_t counter = 0;
  uint8_t fill = 0;      // data of block i: fill + i
  bool good_mac = true;  // key: the key of the tests
  bool ask = true;       // with RESULT_READ
  bool store_fails = false;
};

// The reference: blocks are one byte, since the tests fill them with one.
class Reference {
 public:
  Reference(size_t blocks, uint32_t counter) : blocks_(blocks), counter_(counter) {}

  std::vector<Look> answer(const Operation& op) {
    if (op.type == 2) {
      const uint16_t code = !key_ ? 7 : op.count != 1 ? 1 : 0;
      return {{0x0200, flag(code), 1, 0, code == 0 ? counter_ : 0, 0x11, 0}};
    }
    if (op.type == 4) return read(op);
    if (op.type != 5) {
      last_ = {.type = uint16_t(op.type << 8), .result = write(op)};
      if (op.type == 3) last_.address = op.address, last_.counter = counter_;
    }
    Look look = op.type == 5 && op.count != 1 ? Look{.result = 1} : last_;
    look.result = flag(look.result);
    return op.ask ? std::vector{look} : std::vector<Look>();
  }

 private:
  uint16_t flag(uint16_t result) const { return uint16_t(result | (counter_ == kEnd ? 0x80 : 0)); }
  bool beyond(const Operation& op) const { return op.address + op.count > int(blocks_.size()); }

  std::vector<Look> read(const Operation& op) const {
    const bool bad_count = op.count == 0 || op.count > kMaxRead;
    const uint16_t code = !key_ ? 7 : bad_count ? 1 : beyond(op) ? 4 : op.store_fails ? 6 : 0;
    const Look look{0x0400, flag(code), op.count, op.address, 0, 0x22, 0};
    std::vector<Look> looks(std::clamp<size_t>(op.count, 1, kMaxRead), look);
    for (size_t i = 0; code == 0 && i < looks.size(); ++i) looks[i].data = blocks_[op.address + i];
    return looks;
  }
  uint16_t write(const Operation& op) {
    if (op.type == 1) {
      if (op.count != 1) return 1;
      if (key_ || op.store_fails) return 5;
      key_ = true;
      return 0;
    }
    if (!key_) return 7;
    if (op.count == 0 || op.count > kMaxWrite) return 1;
    if (counter_ == kEnd) return 5;
    if (beyond(op)) return 4;
    if (!op.good_mac) return 2;
    if (op.counter != counter_) return 3;
    if (op.store_fails) return 5;
    for (uint16_t i = 0; i < op.count; ++i) blocks_[size_t(op.address) + i] = uint8_t(op.fill + i);
    ++counter_;
    return 0;
  }

  std::vector<uint8_t> blocks_;
  uint32_t counter_;
  bool key_ = false;
  Look last_{.result = 1};
};

class Walk {
 public:
  Walk(uint32_t seed, bool packed)
      : random_(seed),
        start_(one_in(2) ? kEnd - below(3000) : 0),
        blocks_(512),
        rig_({.device = {.max_write_blocks = kMaxWrite, .max_read_blocks = kMaxRead},
              .blocks = blocks_,
              .packed = packed}),
        reference_(blocks_, start_),
        counter_(start_) {
    rig_.store.current.write_counter = start_;
  }

  void step() {
    const Operation op = draw();
    rig_.store.delayed = one_in(3);
    rig_.store.failing_commits = rig_.store.failing_reads = op.store_fails ? 1 : 0;
    const std::vector<Look> expected = reference_.answer(op);
    const size_t room = op.type == 4 ? kMaxRead : 1;
    const size_t key = rig_.post(frames_of(op), op.ask ? room : 0);
    rig_.turn();
    if (rig_.store.busy()) {
      rig_.store.finish(!op.store_fails);
      rig_.turn();
    }
    const auto bytes = rig_.answer(key);
    ASSERT_TRUE(bytes);
    const Frames response = to_frames(*bytes);
    ASSERT_EQ(response.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(look_at(response[i]), expected[i]);
    const bool keyed = rig_.store.current.key_programmed;
    if (!response.empty()) {
      const Secret mac = keyed ? mac_of(response, test_key()) : Secret{};
      ASSERT_EQ(key_mac_in(response.back()), mac);
    }
    counter_ = rig_.store.current.write_counter;
    rig_.forget_answers();
  }

 private:
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  bool one_in(uint32_t many) { return below(many) == 0; }

  Operation draw() {
    Operation op;
    op.type = uint16_t(one_in(20) ? 1 : 2 + below(4));
    op.good_mac = !one_in(8);
    op.ask = op.type == 2 || op.type == 4 || op.type == 5 || !one_in(4);
    op.store_fails = (op.type == 1 || op.type == 3 || op.type == 4) && one_in(20);
    op.counter = one_in(8) ? counter_ + 1 - 2 * below(2) : counter_;
    op.fill = uint8_t(random_());
    const uint32_t most = op.type == 3 ? kMaxWrite : kMaxRead;
    if (op.type == 3 || op.type == 4) op.count = uint16_t(1 + below(most));
    if (one_in(16)) op.count = uint16_t(one_in(2) ? 0 : op.type == 3 ? 1 + below(6) : random_());
    op.address = uint16_t(one_in(8) ? random_() : one_in(3) ? blocks_ - below(8) : below(16));
    return op;
  }

  static Frames frames_of(const Operation& op) {
    const Secret wrong = filled(0x99);
    Frames frames;
    if (op.type == 3) {
      frames = write_data(op.counter, op.address, std::max<uint16_t>(op.count, 1), op.fill,
                          op.good_mac ? test_key() : wrong);
      if (op.count == 0) frames[0] = make_frame({.type = 3, .count = 0, .address = op.address});
    } else {
      frames = {make_frame({.type = op.type,
                            .count = op.count,
                            .address = op.address,
                            .nonce = uint8_t(op.type == 2 ? 0x11 : 0x22)})};
      if (op.type == 1) set_key_mac(frames, test_key());
    }
    return op.ask && (op.type == 1 || op.type == 3) ? with_result(frames) : frames;
  }

  std::mt19937 random_;
  uint32_t start_;
  uint32_t blocks_;
  RpmbRig rig_;
  Reference reference_;
  uint32_t counter_;
};

class RpmbRandom : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Rings, RpmbRandom, testing::Bool(),
                         [](const auto& ring) { return ring.param ? "Packed" : "Split"; });

TEST_P(RpmbRandom, TheDeviceAndTheReferenceAgree) {
  for (uint32_t seed = 1; seed <= kDevices; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed, GetParam());
    for (size_t i = 0; i < kOperations / kDevices / 2; ++i) {
      walk.step();
      ASSERT_FALSE(testing::Test::HasFailure()) << "operation " << i;
    }
  }
}

}  // namespace
}  // namespace stratos::test
