// SPDX-License-Identifier: Apache-2.0
// Drives one device that somebody else serves, whoever that is.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "report.h"

namespace stratos::bench {

struct OneLink {
  std::string type;    // "vhost-user" or "shm"
  std::string socket;  // of the back-end, or the hub's driver socket
  uint32_t device_id = 0;
  bool packed = false;
  size_t requests = 20'000;  // one at a time; of others a multiple
};

// Adds the rows of one round, beside the floors of that round. Throws std::runtime_error.
void measure_one_link(Report& report, const OneLink& link);

}  // namespace stratos::bench
