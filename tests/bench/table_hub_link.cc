// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "hub_door.h"
#include "program.h"
#include "responder.h"
#include "responder_rows.h"
#include "tables.h"

namespace stratos::bench {
using std::chrono::nanoseconds;
using std::chrono::seconds;

void measure_hub_link(Report& report, const std::string& scratch) {
  const std::string device_socket = scratch + "/device";
  const std::string driver_socket = scratch + "/driver";
  const Program hub({STRATOS_HUB, "--link",
                     fmt::format("name=bench,size=4M,driver-socket={},device-socket={}",
                                 driver_socket, device_socket)});
  Program::wait_for_path(device_socket);
  const DeviceLoad& load = *load_of(kResponderId);
  for (const bool packed : {false, true}) {
    const std::string ring = packed ? "packed" : "split";
    {
      const auto helper = HelperProcess::behind_hub(device_socket, nanoseconds(0));
      HubDoor door(driver_socket, {.packed = packed, .queue_size = load.queue_size});
      LoadDriver driver(door, load);
      measure_sleeping(report, ring, driver, *helper, at_most(1.3));
    }
    {
      const auto helper = HelperProcess::behind_hub(device_socket, seconds(10));
      HubDoor door(driver_socket, {.packed = packed, .queue_size = load.queue_size});
      LoadDriver driver(door, load);
      measure_polling(report, ring, driver);
    }
  }
}

}  // namespace stratos::bench
