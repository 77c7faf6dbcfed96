// SPDX-License-Identifier: Apache-2.0

#include "harness/stub_vm.h"

#include <fmt/format.h>

#include "harness/can.h"
#include "harness/error.h"

namespace stratos::guest {

StubVm::StubVm(Guest& guest, const std::string& vcan) {
  vcan_up(guest, vcan);
  guest.insmod("uio_stratos");
  guest.wait_for_path("/dev/uio0");
  guest.write("/etc/stratosd.toml", fmt::format(R"([[link]]
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
  guest.must("mkdir -p /run/stratos");  // elsewhere the unit file's
  helper_ = guest.start("stratosd --config /etc/stratosd.toml");
  const Output answered = guest.run(fmt::format(
      "until stratosctl status; do kill -0 {} || exit 1; usleep 50000; done", helper_->pid()));
  if (answered.status != 0)
    throw HarnessError(fmt::format("guest {}: stratosd ended:\n{}", guest.name(), helper_->text()));
}

}  // namespace stratos::guest
