// SPDX-License-Identifier: Apache-2.0

#include "harness/stub_vm.h"

#include <fmt/format.h>

#include "harness/can.h"

namespace stratos::guest {

StubVm::StubVm(Guest& guest, const std::string& vcan) {
  vcan_up(guest, vcan);
  guest.insmod("uio_stratos");
  guest.wait_for_path("/dev/uio0");
  helper_.emplace(guest, fmt::format(R"([[link]]
name = "a"
type = "uio"
device = "auto"

[[bus]]
name = "bus"
type = "socketcan"
interface = "{}"

[[device]]
name = "can0"
type = "can"
link = "a"
number = 0
bus = "bus"
)",
                                     vcan));
}

}  // namespace stratos::guest
