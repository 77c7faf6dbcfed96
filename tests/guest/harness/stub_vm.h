// SPDX-License-Identifier: Apache-2.0
// The other half of a link when that is a virtual machine too.

#pragma once

#include <optional>
#include <string>

#include "harness/guest.h"
#include "harness/local_helper.h"

namespace stratos::guest {

// stratosd in a guest whose ivshmem device is the device side of a link: the helper reaches it
// through uio_stratos.
class StubVm {
 public:
  // Loads what is needed and starts stratosd; ready when that says so. `served` is all of its
  // configuration but the [[link]], which is named "a".
  StubVm(Guest& guest, const std::string& served);

  LocalHelper& helper() { return *helper_; }

 private:
  std::optional<LocalHelper> helper_;
};

// Makes a vcan in `guest`, and returns what serves a CAN device on it.
std::string serve_can_on(Guest& guest, const std::string& vcan);

}  // namespace stratos::guest
