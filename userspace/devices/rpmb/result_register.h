// SPDX-License-Identifier: Apache-2.0
// What RESULT_READ returns: how the last key programming or write went.
//
// It outlives the process of the device, so that a driver that asks later gets its
// answer, but not a reset of the device: whoever resets has nothing under way.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/frame.h"

namespace stratos::rpmb {

struct ResultRegister {
  RequestType request = RequestType::kUnknown;  // kUnknown: there was none
  Result result = Result::kGeneralFailure;
  uint32_t write_counter = 0;
  uint16_t address = 0;

  // Into at least kSavedSize bytes.
  static constexpr size_t kSavedSize = 9;
  void save(std::span<std::byte> into) const;
  // From kSavedSize bytes; false if they make no sense, and nothing changes.
  bool restore(std::span<const std::byte> from);

  friend bool operator==(const ResultRegister&, const ResultRegister&) = default;
};

}  // namespace stratos::rpmb
