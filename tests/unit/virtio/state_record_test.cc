// SPDX-License-Identifier: Apache-2.0

#include "virtio/state_record.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace stratos::virtio {
namespace {

constexpr uint32_t kTag = 0x1234;

DeviceRecord record_of(uint32_t status) {
  DeviceRecord record{
      .epoch = 5, .memory = {0x10000, 0x4000}, .storage = {0x2000, 0x800}, .state = {}};
  record.state.identity = 0xabcd;
  record.state.status = status;
  record.state.generation = 3;
  record.state.driver_features = 0x0000000300000001;
  record.state.queues[1] = {{.size = 64, .desc = 0x1000, .driver = 0x2000, .device = 0x3000}, true};
  record.state.device_state_size = 2;
  record.state.device_state[1] = std::byte{0x77};
  return record;
}

class StateRecordTest : public testing::Test {
 protected:
  StateRecordTest() : area_(StateRecords::table_size()) {
    EXPECT_FALSE(records_.attach(area_, kTag));
    records_.format(kTag);
  }
  // What a successor finds.
  RecordResult reload(uint16_t number, DeviceRecord& record) {
    StateRecords successor;
    EXPECT_TRUE(successor.attach(area_, kTag));
    return successor.load(number, record);
  }
  std::vector<std::byte> area_;
  StateRecords records_;
};

TEST_F(StateRecordTest, NothingToBeginWith) {
  DeviceRecord record;
  for (uint16_t number = 0; number < kMaxDevices; ++number) {
    EXPECT_EQ(reload(number, record), RecordResult::kNone);
  }
}

TEST_F(StateRecordTest, SuccessorFindsTheLastRecord) {
  for (uint32_t status = 1; status < 6; ++status) {
    records_.store(7, record_of(status));
    DeviceRecord found;
    ASSERT_EQ(reload(7, found), RecordResult::kLoaded);
    EXPECT_EQ(found.epoch, 5U);
    EXPECT_EQ(found.memory, (Extent{0x10000, 0x4000}));
    EXPECT_EQ(found.storage, (Extent{0x2000, 0x800}));
    EXPECT_EQ(found.state.identity, 0xabcdU);
    EXPECT_EQ(found.state.status, status);
    EXPECT_EQ(found.state.generation, 3U);
    EXPECT_EQ(found.state.driver_features, 0x0000000300000001U);
    EXPECT_FALSE(found.state.queues[0].enabled);
    EXPECT_TRUE(found.state.queues[1].enabled);
    EXPECT_EQ(found.state.queues[1].setup.size, 64);
    EXPECT_EQ(found.state.queues[1].setup.device, 0x3000U);
    EXPECT_EQ(found.state.device_state_size, 2U);
    EXPECT_EQ(found.state.device_state[1], std::byte{0x77});
  }
  DeviceRecord other;
  EXPECT_EQ(reload(6, other), RecordResult::kNone);
  EXPECT_EQ(reload(8, other), RecordResult::kNone);
}

TEST_F(StateRecordTest, ErasedIsGone) {
  records_.store(7, record_of(1));
  records_.erase(7);
  DeviceRecord record;
  EXPECT_EQ(reload(7, record), RecordResult::kNone);
}

// A kill between any two bytes of store() leaves the old record or the new one.
TEST_F(StateRecordTest, KillAtAnyByteLeavesAWholeRecord) {
  records_.store(7, record_of(1));
  for (uint32_t status = 2; status < 5; ++status) {
    const std::vector<std::byte> before = area_;
    records_.store(7, record_of(status));
    const std::vector<std::byte> after = area_;
    bool seen_new = false;
    for (size_t cut = 0; cut <= area_.size(); ++cut) {
      if (cut != 0 && cut != area_.size() && before[cut - 1] == after[cut - 1]) continue;
      std::copy(after.begin(), after.begin() + static_cast<ptrdiff_t>(cut), area_.begin());
      std::copy(before.begin() + static_cast<ptrdiff_t>(cut), before.end(),
                area_.begin() + static_cast<ptrdiff_t>(cut));
      DeviceRecord found;
      ASSERT_EQ(reload(7, found), RecordResult::kLoaded) << cut;
      EXPECT_EQ(found.memory, (Extent{0x10000, 0x4000}));
      if (found.state.status != status) {
        EXPECT_EQ(found.state.status, status - 1);
        EXPECT_FALSE(seen_new);
      } else {
        seen_new = true;
      }
    }
    EXPECT_TRUE(seen_new);
    area_ = after;
    ASSERT_TRUE(records_.attach(area_, kTag));
    DeviceRecord found;
    ASSERT_EQ(records_.load(7, found), RecordResult::kLoaded);
  }
}

TEST_F(StateRecordTest, DamageIsNoticed) {
  records_.store(7, record_of(1));
  records_.store(7, record_of(2));
  const Extent place = StateRecords::place(7);
  const size_t half = static_cast<size_t>(place.size) / 2;
  const std::vector<std::byte> good = area_;
  const auto flip = [&](size_t copy, size_t at) {
    area_[static_cast<size_t>(place.offset) + copy * half + at] ^= std::byte{0x10};
  };
  DeviceRecord record;
  for (size_t at = 0; at < 200; ++at) {
    area_ = good;
    flip(0, at);
    ASSERT_EQ(reload(7, record), RecordResult::kLoaded) << "one copy is enough";
    flip(1, at);
    ASSERT_EQ(reload(7, record), RecordResult::kCorrupt) << at;
  }
}

TEST_F(StateRecordTest, OtherTagsMeanOtherRecords) {
  records_.store(7, record_of(1));
  StateRecords other;
  EXPECT_FALSE(other.attach(area_, kTag + 1));
}

}  // namespace
}  // namespace stratos::virtio
