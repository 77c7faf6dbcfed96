// SPDX-License-Identifier: Apache-2.0
// What a whole run measures: each function adds its rows, in one round after the other.

#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace stratos::bench {

// First: what the others are compared with.
void measure_floors(Report& report);
// A link through a hub, with a process of ours at each end.
void measure_hub_link(Report& report, const std::string& scratch);
// Our vhost-user back-end, and then qemu-storage-daemon as its peer where both sleep.
void measure_vhost_user(Report& report, const std::string& scratch);
void measure_storage_daemon(Report& report, const std::string& scratch);
inline constexpr const char* kVhostUserSplit = "vhost-user split";
inline constexpr const char* kVhostUserPacked = "vhost-user packed";
// 10 000 requests a second, with a helper that sleeps and with one that looks for them.
void measure_paced(Report& report, const std::string& scratch);
// A stratosd that does nothing.
void measure_idle(Report& report, const std::string& scratch);
// RPMB beside the MACs that it cannot do without, and beside the disk.
void measure_rpmb(Report& report);
void measure_rpmb_disk(Report& report, const std::string& directory);
// dpdk-testpmd, against these links where they are polled. False if it cannot be had; the report
// then says why.
bool measure_testpmd(Report& report, const std::vector<std::string>& links);

}  // namespace stratos::bench
