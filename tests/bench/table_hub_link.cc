// SPDX-License-Identifier: Apache-2.0

#include "hub_door.h"
#include "hub_process.h"
#include "responder.h"
#include "responder_rows.h"
#include "tables.h"

namespace stratos::bench {
using std::chrono::nanoseconds;
using std::chrono::seconds;

void measure_hub_link(Report& report, const std::string& scratch) {
  const HubProcess hub(scratch, "bench");
  const DeviceLoad& load = *load_of(kResponderId);
  for (const bool packed : {false, true}) {
    const std::string ring = packed ? "packed" : "split";
    {
      const auto helper = HelperProcess::behind_hub(hub.device_socket(), nanoseconds(0));
      HubDoor door(hub.driver_socket(), {.packed = packed, .queue_size = load.queue_size});
      LoadDriver driver(door, load);
      measure_sleeping(report, ring, driver, *helper, at_most(1.3));
    }
    {
      const auto helper = HelperProcess::behind_hub(hub.device_socket(), seconds(10));
      HubDoor door(hub.driver_socket(), {.packed = packed, .queue_size = load.queue_size});
      LoadDriver driver(door, load);
      measure_polling(report, ring, driver);
    }
  }
}

}  // namespace stratos::bench
