// SPDX-License-Identifier: Apache-2.0

#include "harness/stub_vm.h"

#include <fmt/format.h>

#include "harness/can.h"

namespace stratos::guest {

StubVm::StubVm(Guest& guest, const std::string& served) {
  guest.insmod("uio_stratos");
  guest.wait_for_path("/dev/uio0");
  helper_.emplace(guest, "[[link]]\nname = \"a\"\ntype = \"uio\"\ndevice = \"auto\"\n" + served);
}

std::string serve_can_on(Guest& guest, const std::string& vcan) {
  vcan_up(guest, vcan);
  return fmt::format(R"(
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
                     vcan);
}

}  // namespace stratos::guest
