// SPDX-License-Identifier: Apache-2.0
// The other half of a link when that is a virtual machine too.

#pragma once

#include <optional>
#include <string>

#include "harness/guest.h"
#include "harness/local_helper.h"

namespace stratos::guest {

// stratosd in a guest whose ivshmem device is the device side of a link: the helper reaches it
// through uio_stratos and serves one CAN device onto a vcan there.
class StubVm {
 public:
  // Loads what is needed, makes the vcan and starts stratosd; ready when that says so.
  StubVm(Guest& guest, const std::string& vcan);

 private:
  std::optional<LocalHelper> helper_;
};

}  // namespace stratos::guest
