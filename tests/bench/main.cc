// SPDX-License-Identifier: Apache-2.0
// stratos-bench: ratios, measured in one run against what the machine allows and
// against a peer. Prints a table and writes a JSON file.

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "floors.h"
#include "helper_process.h"
#include "idle_helper.h"
#include "link_driver.h"
#include "memory_store.h"
#include "program.h"
#include "report.h"
#include "rpmb_disk.h"
#include "rpmb_load.h"
#include "testpmd_pair.h"

namespace stratos::bench {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr Target at_most(double bound) { return {Target::Kind::kAtMost, bound}; }
constexpr Target at_least(double bound) { return {Target::Kind::kAtLeast, bound}; }

void add_latencies(Report& report, const std::string& name, Latencies latencies,
                   const std::string& reference, std::optional<Target> target) {
  if (reference.empty()) {
    report.add(name + " p50", latencies.quantile_us(0.5), "us");
  } else {
    report.add_ratio(name + " p50", latencies.quantile_us(0.5), "us", reference + " p50", target);
  }
  report.add(name + " p99", latencies.quantile_us(0.99), "us");
  report.add(name + " p99.9", latencies.quantile_us(0.999), "us");
  report.add(name + " above 10 x p50", static_cast<double>(latencies.outliers()), "samples");
}

void measure_floors(Report& report) {
  add_latencies(report, "floor: eventfd ping-pong", eventfd_ping_pong(10'000), "", {});
  add_latencies(report, "floor: cache-line ping-pong", cache_line_ping_pong(100'000), "", {});
}

void measure_depth(Report& report, const std::string& name, LinkDriver& driver,
                   const HelperProcess& helper, unsigned depth, size_t count) {
  driver.pipelined(count / 10, depth, true);  // warm up
  const HelperFigures before = helper.figures();
  const uint64_t rings_before = driver.rings();
  const uint64_t elapsed = driver.pipelined(count, depth, true);
  const HelperFigures after = helper.figures();
  const auto per_request = [count](uint64_t from, uint64_t to) {
    return static_cast<double>(to - from) / static_cast<double>(count);
  };
  const bool deepest = depth == 256;
  const auto target = [deepest](Target wanted) {
    return deepest ? std::optional(wanted) : std::nullopt;
  };
  const std::string prefix = fmt::format("{}, depth {}: ", name, depth);
  report.add(prefix + "requests",
             static_cast<double>(count) * 1000.0 / static_cast<double>(elapsed), "M/s",
             target(at_least(2)));
  report.add(prefix + "helper CPU", per_request(before.cpu_ns, after.cpu_ns), "ns/req");
  report.add(prefix + "helper system calls", per_request(before.system_calls, after.system_calls),
             "/req", target(at_most(0.1)));
  report.add(prefix + "driver doorbells", per_request(rings_before, driver.rings()), "/req");
  report.add(prefix + "helper notifications",
             per_request(before.notifications, after.notifications), "/req");
  report.add(prefix + "helper allocations", per_request(before.allocations, after.allocations),
             "/req", at_most(0));
}

void measure_sleeping(Report& report, const std::string& ring, LinkDriver& driver,
                      const HelperProcess& helper) {
  add_latencies(report, ring + ", sleeping: round trip", driver.round_trips(10'000, true),
                "floor: eventfd ping-pong", at_most(1.3));
  measure_depth(report, ring, driver, helper, 1, 10'000);
  measure_depth(report, ring, driver, helper, 32, 500'000);
  measure_depth(report, ring, driver, helper, 256, 2'000'000);
}

void measure_polling(Report& report, const std::string& ring, LinkDriver& driver) {
  constexpr size_t kCount = 200'000;
  add_latencies(report, ring + ", polling: round trip", driver.round_trips(kCount, false),
                "floor: cache-line ping-pong", at_most(4));
  const uint64_t elapsed = driver.pipelined(kCount, 1, false);
  report.add(ring + ", polling: round trips", kCount * 1000.0 / static_cast<double>(elapsed),
             "M/s");
}

void measure_link(Report& report, const std::string& scratch) {
  const std::string device_socket = scratch + "/device";
  const std::string driver_socket = scratch + "/driver";
  const Program hub({STRATOS_HUB, "--link",
                     fmt::format("name=bench,size=4M,driver-socket={},device-socket={}",
                                 driver_socket, device_socket)});
  hub.wait_for_path(device_socket);
  for (const bool packed : {false, true}) {
    const std::string ring = packed ? "packed" : "split";
    {
      const HelperProcess helper(device_socket, nanoseconds(0));
      LinkDriver driver(driver_socket, packed);
      measure_sleeping(report, ring, driver, helper);
    }
    {
      const HelperProcess helper(device_socket, seconds(10));
      LinkDriver driver(driver_socket, packed);
      measure_polling(report, ring, driver);
    }
  }
}

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

// False if the peer cannot be had; the report then says why.
bool measure_peer(Report& report) {
  for (const unsigned packets : {1U, 32U}) {
    const auto rate = testpmd_packets_per_second(packets);
    if (!rate) {
      report.skip("dpdk-testpmd: " + rate.error());
      return false;
    }
    report.add(fmt::format("dpdk-testpmd vhost pair, {} in flight", packets), *rate / 1e6, "M/s");
  }
  for (const std::string ring : {"split", "packed"})
    report.add_ratio(ring + ", polling, against dpdk-testpmd",
                     report.value(ring + ", polling: round trips"), "M/s",
                     "dpdk-testpmd vhost pair, 1 in flight");
  return true;
}

void measure_idle(Report& report, const std::string& scratch) {
  const IdleFigures idle = watch_idle_helper(scratch);
  report.add("idle stratosd: CPU", idle.cpu_percent, "%", at_most(0.1));
  report.add("idle stratosd: RSS besides the region", idle.rss_mib, "MiB", at_most(8));
}

// A folder of our own in `parent`, for as long as this lives.
class Scratch {
 public:
  explicit Scratch(const std::string& parent) : path_(parent + "/stratos-bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder in " + parent);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Options {
  std::string json = "build/bench.json";
  unsigned rounds = 5;
  bool with_peer = true;
};

void measure(Report& report, const Options& options) {
  bool with_peer = options.with_peer;
  for (unsigned round = 0; round < options.rounds; ++round) {
    report.begin_round();
    // A folder for each round: nothing that was left behind is taken for what is awaited.
    const Scratch scratch("/tmp");
    measure_floors(report);
    measure_link(report, scratch.path());
    measure_idle(report, scratch.path());
    measure_rpmb(report);
    // Where the build is, since /tmp may be memory.
    const Scratch disk(std::filesystem::absolute(options.json).parent_path());
    measure_rpmb_disk(report, disk.path());
    with_peer = with_peer && measure_peer(report);
  }
}

int run(const Options& options) {
  Report report;
  try {
    measure(report, options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "stratos-bench: {}\n", error.what());
    return 1;
  }
  report.print();
  if (report.write_json(options.json)) return 0;
  fmt::print(stderr, "stratos-bench: cannot write {}\n", options.json);
  return 1;
}

}  // namespace
}  // namespace stratos::bench

int main(int argc, char** argv) {
  CLI::App app("Measures a Stratos link against what this machine allows and against a peer.");
  stratos::bench::Options options;
  app.add_option("--json", options.json, "where to write the figures")->capture_default_str();
  app.add_option("--rounds", options.rounds, "how often to measure all; the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_flag("!--no-peer", options.with_peer, "leave dpdk-testpmd out");
  CLI11_PARSE(app, argc, argv);
  return stratos::bench::run(options);
}
