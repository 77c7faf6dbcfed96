// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "program.h"
#include "rows.h"
#include "tables.h"
#include "vhost_user_door.h"

namespace stratos::bench {
namespace {

constexpr const char* kStorageDaemon = "qemu-storage-daemon";

// Reads of a sector that costs nothing to read: what is left is the cost of its link. It sleeps
// where ours does.
void measure_storage_daemon(Report& report, const std::string& scratch) {
  const std::string socket = scratch + "/block";
  const Program daemon({"taskset", "-c", "1", kStorageDaemon, "--object",
                        "iothread,id=thread,poll-max-ns=0", "--blockdev",
                        "driver=null-co,node-name=disk,size=1073741824,read-zeroes=on", "--export",
                        "type=vhost-user-blk,id=block,node-name=disk,iothread=thread,"
                        "addr.type=unix,addr.path=" +
                            socket});
  Program::wait_for_path(socket);
  constexpr uint32_t kBlock = 2;
  const DeviceLoad& load = *load_of(kBlock);
  VhostUserDoor door(socket, {.queues = load.queues, .queue_size = load.queue_size});
  LoadDriver driver(door, load);
  add_latencies(report, fmt::format("{}, sleeping: round trip", kStorageDaemon),
                driver.round_trips(10'000, true), kSleepingFloor, {});
  constexpr size_t kCount = 300'000;
  for (const unsigned depth : {32U, 256U}) {
    driver.pipelined(kCount / 10, depth, true);  // warm up
    report.add(fmt::format("{}, depth {}: requests", kStorageDaemon, depth),
               request_rate(kCount, driver.pipelined(kCount, depth, true)), "M/s");
  }
}

}  // namespace

void measure_vhost_user(Report& report, const std::string& scratch) {
  measure_storage_daemon(report, scratch);
}

}  // namespace stratos::bench
