// SPDX-License-Identifier: Apache-2.0
// Authenticated writes of one block each. Request n carries write counter n: a write that were
// executed twice, left out or overtaken would be refused, and all behind it.

#pragma once

#include <cstdint>

#include "restart/checked_load.h"

namespace stratos::test {

class RpmbLoad final : public CheckedLoad {
 public:
  // Of a device whose key is test_key(), and that was never written.
  RpmbLoad(DriverMemory& memory, DriverQueue& queue);

  // What the last of `writes` writes to this address left there; 0 if there was none.
  static uint8_t content(uint16_t address, uint64_t writes);
  static constexpr uint16_t kAddresses = 500;

 private:
  void write_request(uint64_t number, std::span<std::byte> out) override;
  void expect_answer(uint64_t number, std::span<const std::byte> in) override;
};

}  // namespace stratos::test
