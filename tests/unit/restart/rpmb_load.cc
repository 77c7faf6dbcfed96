// SPDX-License-Identifier: Apache-2.0

#include "restart/rpmb_load.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rpmb/rpmb_frames.h"

namespace stratos::test {
namespace {

constexpr uint16_t kWriteResponse = 0x0300;

uint16_t address_of(uint64_t number) {
  return static_cast<uint16_t>(number % RpmbLoad::kAddresses);
}
// Never 0, and another one whenever an address has its turn again.
uint8_t data_of(uint64_t number) { return static_cast<uint8_t>(1 + number % 251); }

}  // namespace

RpmbLoad::RpmbLoad(DriverMemory& memory, DriverQueue& queue)
    : CheckedLoad(memory, queue, 2 * sizeof(Frame), sizeof(Frame)) {}

void RpmbLoad::write_request(uint64_t number, std::span<std::byte> out) {
  const Bytes request = to_bytes(with_result(
      write_data(static_cast<uint32_t>(number), address_of(number), 1, data_of(number))));
  std::ranges::copy(request, out.begin());
}

void RpmbLoad::expect_answer(uint64_t number, std::span<const std::byte> in) {
  Frame frame;
  std::ranges::copy(in, frame.begin());
  const Look look = look_at(frame);
  EXPECT_EQ(look.type, kWriteResponse) << "write " << number;
  EXPECT_EQ(look.result, 0) << "write " << number;
  EXPECT_EQ(look.address, address_of(number));
  EXPECT_EQ(look.counter, number + 1) << "a write counts once";
  EXPECT_EQ(key_mac_in(frame), mac_of({frame}, test_key())) << "write " << number;
}

uint8_t RpmbLoad::content(uint16_t address, uint64_t writes) {
  if (writes <= address) return 0;
  const uint64_t laps = (writes - 1 - address) / kAddresses;
  return data_of(address + laps * kAddresses);
}

}  // namespace stratos::test
