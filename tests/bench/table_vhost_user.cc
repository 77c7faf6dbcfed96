// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "helper_process.h"
#include "program.h"
#include "responder.h"
#include "responder_rows.h"
#include "tables.h"
#include "vhost_user_door.h"

namespace stratos::bench {
namespace {

const std::string kStorageDaemon = "qemu-storage-daemon";

// Reads of a sector that costs nothing to read: what is left is the cost of its link. It sleeps
// where ours does.
void drive_storage_daemon(Report& report, const std::string& scratch) {
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

// Round trips through ours take less time than through theirs; a ratio of medians of this round.
void compare_with_storage_daemon(Report& report, const std::string& name) {
  const std::string row = ", sleeping: round trip p50";
  report.add_ratio(name + ", sleeping, against " + kStorageDaemon, report.value(name + row), "us",
                   kStorageDaemon + row, at_most(1));
}

void measure_ours(Report& report, const std::string& scratch, bool packed) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  const std::string name = packed ? kVhostUserPacked : kVhostUserSplit;
  const DeviceLoad& load = *load_of(kResponderId);
  for (const bool polling : {false, true}) {
    const std::string socket = fmt::format("{}/{}-{}", scratch, packed, polling);
    const auto helper = HelperProcess::for_front_end(
        socket, polling ? nanoseconds(seconds(10)) : nanoseconds(0), packed);
    Program::wait_for_path(socket);
    VhostUserDoor door(socket,
                       {.packed = packed, .queues = load.queues, .queue_size = load.queue_size});
    LoadDriver driver(door, load);
    if (polling) {
      measure_polling(report, name, driver);
    } else {
      measure_sleeping(report, name, driver, *helper, at_most(1.2));
    }
  }
}

}  // namespace

void measure_vhost_user(Report& report, const std::string& scratch) {
  for (const bool packed : {false, true}) measure_ours(report, scratch, packed);
}

void measure_storage_daemon(Report& report, const std::string& scratch) {
  drive_storage_daemon(report, scratch);
  for (const char* name : {kVhostUserSplit, kVhostUserPacked})
    compare_with_storage_daemon(report, name);
}

}  // namespace stratos::bench
