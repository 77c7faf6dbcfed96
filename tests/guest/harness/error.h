// SPDX-License-Identifier: Apache-2.0
// What the harness throws when a machine or a program does not do what the test needs to go on.

#pragma once

#include <stdexcept>

namespace stratos::guest {

class HarnessError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace stratos::guest
