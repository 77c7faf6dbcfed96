// SPDX-License-Identifier: Apache-2.0
// Whoever has no key changes nothing, and whoever has one changes nothing twice.

#include <gtest/gtest.h>

#include <algorithm>

#include "rpmb/rpmb_rig.h"

namespace stratos::test {
namespace {

constexpr uint16_t kAuthFailure = 2;
constexpr uint16_t kCountFailure = 3;
constexpr uint16_t kAddressFailure = 4;

class RpmbAttack : public testing::Test {
 protected:
  RpmbAttack() { rig_.program(); }

  // Sends `frames`, which must be refused and change nothing.
  void refused(const Frames& frames, uint16_t result) {
    const rpmb::State before = rig_.store.current;
    const auto bytes = rig_.store.bytes;
    EXPECT_EQ(rig_.ask_one(with_result(frames)).result, result);
    EXPECT_EQ(rig_.store.current, before);
    EXPECT_EQ(rig_.store.bytes, bytes);
  }
  void accepted(const Frames& frames) { EXPECT_EQ(rig_.ask_one(with_result(frames)).result, 0); }

  RpmbRig rig_;
};

TEST_F(RpmbAttack, Replay) {
  const Frames first = write_data(0, 4, 2, 1);
  accepted(first);
  refused(first, kCountFailure);
  accepted(write_data(1, 4, 2, 9));
  refused(first, kCountFailure);
  refused(write_data(1, 4, 2, 9), kCountFailure);
  EXPECT_EQ(rig_.counters().repeated, 0U);
}

TEST_F(RpmbAttack, ReorderedBlocks) {
  Frames frames = write_data(0, 4, 3, 1);
  std::swap(frames[0], frames[1]);
  refused(frames, kAuthFailure);
  frames = write_data(0, 4, 3, 1);
  const Secret mac = key_mac_in(frames[2]);
  std::rotate(frames.begin(), frames.begin() + 1, frames.end());
  set_key_mac(frames, mac);
  refused(frames, kAuthFailure);
}

TEST_F(RpmbAttack, ATruncatedChain) {
  Frames frames = write_data(0, 4, 3, 1);
  const Secret mac = key_mac_in(frames[2]);
  frames.pop_back();
  refused(frames, 1);
  set_key_mac(frames, mac);
  refused(frames, 1);
}

TEST_F(RpmbAttack, AMacOverTheFirstFrameOnly) {
  Frames frames = write_data(0, 4, 2, 1);
  set_key_mac(frames, mac_of({frames[0]}, test_key()));
  refused(frames, kAuthFailure);
}

TEST_F(RpmbAttack, AMacInTheFirstFrameInsteadOfTheLast) {
  Frames frames = write_data(0, 4, 2, 1);
  const Secret mac = key_mac_in(frames[1]);
  set_key_mac(frames, Secret{});
  std::copy(mac.begin(), mac.end(), &frames[0][196]);
  refused(frames, kAuthFailure);
}

TEST_F(RpmbAttack, ForeignMacs) {
  refused(write_data(0, 4, 1, 1, filled(0)), kAuthFailure);
  Frames frames = write_data(0, 4, 1, 1);
  for (const Secret& mac : {Secret{}, filled(0xff), test_key()}) {
    set_key_mac(frames, mac);
    refused(frames, kAuthFailure);
  }
  // Of another request, and of a response of the device itself.
  set_key_mac(frames, key_mac_in(write_data(0, 5, 1, 1)[0]));
  refused(frames, kAuthFailure);
  set_key_mac(frames, key_mac_in(rig_.ask(get_counter()).at(0)));
  refused(frames, kAuthFailure);
}

TEST_F(RpmbAttack, EveryByteUnderTheMacCounts) {
  const Frames good = write_data(0, 4, 1, 1);
  const Secret mac = key_mac_in(good[0]);
  // Up to the counter; what comes then is looked at before the MAC, or is the type.
  for (size_t i = 228; i < 504; ++i) {
    Frames frames = good;
    frames[0][i] ^= std::byte{1};
    EXPECT_EQ(rig_.ask_one(with_result(frames)).result, kAuthFailure) << "byte " << i;
  }
  for (size_t i = 0; i < mac.size(); ++i) {
    for (const unsigned bit : {0U, 7U}) {
      Frames frames = good;
      Secret changed = mac;
      changed[i] ^= static_cast<std::byte>(1U << bit);
      set_key_mac(frames, changed);
      EXPECT_EQ(rig_.ask_one(with_result(frames)).result, kAuthFailure) << "byte " << i;
    }
  }
  EXPECT_EQ(rig_.store.current.write_counter, 0U);
  accepted(good);
}

TEST_F(RpmbAttack, CounterOffByOne) {
  accepted(write_data(0, 0, 1, 1));
  refused(write_data(0, 0, 1, 2), kCountFailure);
  refused(write_data(2, 0, 1, 2), kCountFailure);
  refused(write_data(0xffffffff, 0, 1, 2), kCountFailure);
  accepted(write_data(1, 0, 1, 2));
}

TEST_F(RpmbAttack, TheLastBlockAndBeyond) {
  accepted(write_data(0, 511, 1, 1));
  accepted(write_data(1, 480, 32, 1));
  refused(write_data(2, 481, 32, 1), kAddressFailure);
  refused(write_data(2, 512, 1, 1), kAddressFailure);
  refused(write_data(2, 0xffff, 1, 1), kAddressFailure);
  refused(write_data(2, 0xffff, 2, 1), kAddressFailure);
}

TEST(RpmbLargest, SixteenMebibytesToTheLastBlock) {
  RpmbRig rig({.blocks = rpmb::kMaxBlocks});
  rig.program();
  EXPECT_EQ(rig.ask_one(with_result(write_data(0, 0xffff, 1, 0x71))).result, 0);
  EXPECT_EQ(rig.ask_one(read_data(0xffff, 1)).data, 0x71);
  EXPECT_EQ(rig.store.bytes.back(), std::byte{0x71});
  EXPECT_EQ(rig.ask_one(with_result(write_data(1, 0xffff, 2, 1))).result, kAddressFailure);
  EXPECT_EQ(rig.ask(read_data(0xffff, 2), 2).size(), 2U);
  EXPECT_EQ(rig.store.reads, 1U);
  EXPECT_EQ(rig.ask_one(with_result(write_data(1, 0xffe0, 32, 1))).result, 0);
  EXPECT_EQ(rig.ask_one(read_data(0, 1)).data, 0) << "wrapped";
}

TEST_F(RpmbAttack, TheKeyIsProgrammedOnce) {
  for (const Secret& key : {test_key(), filled(1)}) {
    EXPECT_EQ(rig_.ask_one(with_result(program_key(key))).result, 5);
  }
  EXPECT_EQ(rig_.store.current.key, test_key());
  accepted(write_data(0, 0, 1, 1));
  refused(write_data(1, 0, 1, 1, filled(1)), kAuthFailure);
}

// Nothing that was read, and nothing of a key, is in an answer that should not have it.
TEST_F(RpmbAttack, FailedReadsShowNothing) {
  accepted(write_data(0, 0, 4, 0x40));
  rig_.ask(read_data(0, 4), 4);
  for (const auto& [address, count] : {std::pair{511, 2}, std::pair{600, 4}, std::pair{0, 33}}) {
    const Frames frames =
        rig_.ask(read_data(static_cast<uint16_t>(address), static_cast<uint16_t>(count)), 33);
    ASSERT_FALSE(frames.empty());
    for (const Frame& frame : frames) EXPECT_EQ(look_at(frame).data, 0);
  }
  rig_.store.failing_reads = 1;
  for (const Frame& frame : rig_.ask(read_data(0, 4), 4)) EXPECT_EQ(look_at(frame).data, 0);
}

TEST(RpmbPair, TwoDevicesNeverSeeEachOther) {
  RpmbRig a;
  RpmbRig b;
  a.program();
  ASSERT_EQ(b.ask_one(with_result(program_key(filled(7))), filled(7)).result, 0);
  const Frames for_a = write_data(0, 0, 1, 0x0a);
  const Frames for_b = write_data(0, 0, 1, 0x0b, filled(7));
  EXPECT_EQ(a.ask_one(with_result(for_b)).result, kAuthFailure);
  EXPECT_EQ(b.ask_one(with_result(for_a), filled(7)).result, kAuthFailure);
  EXPECT_EQ(a.ask_one(with_result(for_a)).result, 0);
  EXPECT_EQ(b.ask_one(get_counter(), filled(7)).counter, 0U);
  EXPECT_EQ(b.ask_one(read_data(0, 1), filled(7)).data, 0);
  EXPECT_EQ(b.ask_one(with_result(for_b), filled(7)).result, 0);
  EXPECT_EQ(a.ask_one(read_data(0, 1)).data, 0x0a);
  EXPECT_EQ(b.ask_one(read_data(0, 1), filled(7)).data, 0x0b);
}

// An Hmac that lets a driver change its request after it was checked.
class MeddlingHmac final : public rpmb::Hmac {
 public:
  MeddlingHmac(hosts::OpensslHmac& inner, std::function<void()> meddle)
      : inner_(inner), meddle_(std::move(meddle)) {}
  void begin(const rpmb::Key& key) override {
    inner_.begin(key);
    meddle_();
  }
  void update(std::span<const std::byte> piece) override {
    inner_.update(piece);
    meddle_();
  }
  rpmb::Mac finish() override {
    meddle_();
    return inner_.finish();
  }

 private:
  hosts::OpensslHmac& inner_;
  std::function<void()> meddle_;
};

TEST(RpmbHostile, FramesThatChangeAfterTheyWereReadChangeNothing) {
  RpmbRig rig;
  rig.program();
  size_t key = 0;
  bool meddling = false;
  const auto meddle = [&] {
    if (!meddling) return;
    std::fill_n(rig.request_memory(key), 3 * sizeof(Frame), std::byte{0xbd});
  };
  MeddlingHmac hmac(rig.hmac, meddle);
  std::vector<std::byte> memory(rpmb::RpmbDevice::storage_size({}));
  rig.device =
      std::make_unique<rpmb::RpmbDevice>(rig.store, hmac, rpmb::RpmbDevice::Options{}, memory);
  rig.device->start(rig, 0);
  rig.store.on_access = meddle;

  key = rig.post(with_result(write_data(0, 4, 2, 0x61)), 1);
  meddling = true;
  rig.turn();
  meddling = false;
  const Frames response = to_frames(rig.answer(key).value());
  EXPECT_EQ(look_at(response.at(0)), (Look{.type = 0x0300, .address = 4, .counter = 1}));
  const Frames read = rig.ask(read_data(4, 2), 2);
  EXPECT_EQ(look_at(read.at(0)).data, 0x61);
  EXPECT_EQ(look_at(read.at(1)).data, 0x62);

  // The same for a read: what it answers is what it was asked.
  key = rig.post(read_data(4, 2, 0x27), 2);
  meddling = true;
  rig.turn();
  meddling = false;
  const Frames again = to_frames(rig.answer(key).value());
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(look_at(again[1]).nonce, 0x27);
  EXPECT_EQ(look_at(again[1]).data, 0x62);
  EXPECT_EQ(hex(key_mac_in(again[1])), hex(mac_of(again, test_key())));
  rig.device.reset();  // before its Hmac
}

}  // namespace
}  // namespace stratos::test
