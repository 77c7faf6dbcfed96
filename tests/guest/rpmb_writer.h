// SPDX-License-Identifier: Apache-2.0
// A program in a guest that writes to vrpmb0 for as long as the test wants it to.

#pragma once

#include <optional>

#include "harness/guest.h"

namespace stratos::guest {

class RpmbWriter {
 public:
  // The key of the device is in the guest's /tmp/key. One writer at a time in a guest.
  explicit RpmbWriter(Guest& guest);

  // Ends it and fails the test unless every write succeeded, was counted once and the last one
  // can be read back.
  void expect_each_write_counted(Timeout timeout);

 private:
  Guest* guest_;
  std::optional<Job> job_;
};

}  // namespace stratos::guest
