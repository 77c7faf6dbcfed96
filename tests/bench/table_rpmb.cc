// SPDX-License-Identifier: Apache-2.0

#include <fmt/core.h>

#include "memory_store.h"
#include "rows.h"
#include "rpmb_disk.h"
#include "rpmb_load.h"
#include "tables.h"

namespace stratos::bench {

void measure_rpmb(Report& report) {
  test::MemoryStore store(4096);
  RpmbLoad load(store, [] {});
  load.program_key();
  for (const uint16_t blocks : {uint16_t{1}, uint16_t{32}}) {
    const size_t count = 128'000 / blocks;
    const std::string name = fmt::format("rpmb, {} block(s): ", blocks);
    macs_per_second(count / 10, blocks);
    load.reads_per_second(count / 10, blocks);
    report.add(name + "MACs", macs_per_second(count, blocks) / 1e6, "M/s");
    report.add_ratio(name + "reads", load.reads_per_second(count, blocks) / 1e6, "M/s",
                     name + "MACs", at_least(0.7));
  }
}

void measure_rpmb_disk(Report& report, const std::string& directory) {
  for (const uint16_t blocks : {uint16_t{1}, uint16_t{32}}) {
    const std::string name = fmt::format("rpmb, {} block(s): ", blocks);
    const std::string floor = name + "pwrite and fdatasync";
    add_latencies(report, floor, durable_writes(directory, 300, blocks * rpmb::kBlockSize), "", {});
    add_latencies(report, name + "write", rpmb_writes(directory, 300, blocks), floor, at_most(1.5));
  }
}

}  // namespace stratos::bench
