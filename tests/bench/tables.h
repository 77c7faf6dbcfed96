// SPDX-License-Identifier: Apache-2.0
// What a whole run measures: each function adds its rows, in one round after the other.

#pragma once

#include <string>

#include "report.h"

namespace stratos::bench {

// First: what the others are compared with.
void measure_floors(Report& report);
// A link through a hub, with a process of ours at each end.
void measure_hub_link(Report& report, const std::string& scratch);
// A vhost-user back-end, beside qemu-storage-daemon.
void measure_vhost_user(Report& report, const std::string& scratch);
// A stratosd that does nothing.
void measure_idle(Report& report, const std::string& scratch);
// RPMB beside the MACs that it cannot do without, and beside the disk.
void measure_rpmb(Report& report);
void measure_rpmb_disk(Report& report, const std::string& directory);
// dpdk-testpmd, against the polled links. False if it cannot be had; the report then says why.
bool measure_testpmd(Report& report);

}  // namespace stratos::bench
