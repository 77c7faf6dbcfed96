// SPDX-License-Identifier: Apache-2.0
// What a real stratosd with a CAN device costs while nothing happens.

#pragma once

#include <string>

namespace stratos::bench {

struct IdleFigures {
  double cpu_percent = 0;
  double rss_mib = 0;  // all that is resident, without the shared region
};

// Starts hub, stratosd and a driver side in `scratch` and watches for some seconds.
// Throws std::runtime_error if they do not come up.
IdleFigures watch_idle_helper(const std::string& scratch);

}  // namespace stratos::bench
