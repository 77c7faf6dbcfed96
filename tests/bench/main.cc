// SPDX-License-Identifier: Apache-2.0
// stratos-bench: ratios, measured in one run against what the machine allows and
// against peers. Prints a table and writes a JSON file.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "one_link.h"
#include "report.h"
#include "scratch.h"
#include "tables.h"

namespace stratos::bench {
namespace {

struct Options {
  std::string json = "build/bench.json";
  unsigned rounds = 5;
  bool with_peers = true;
  bool only_vhost_user = false;
  bool only_paced = false;
  OneLink link;  // with a type: only that one
};

// False if dpdk-testpmd cannot be had.
bool measure_round(Report& report, const Options& options, bool with_testpmd) {
  // A folder for each round: nothing that was left behind is taken for what is awaited.
  const Scratch scratch("/tmp");
  std::vector<std::string> links{kVhostUserSplit, kVhostUserPacked};
  measure_floors(report);
  if (options.only_paced) {
    measure_paced(report, scratch.path());
    return false;
  }
  measure_vhost_user(report, scratch.path());
  if (options.with_peers) measure_storage_daemon(report, scratch.path());
  if (!options.only_vhost_user) {
    links.insert(links.end(), {"split", "packed"});
    measure_hub_link(report, scratch.path());
    measure_paced(report, scratch.path());
    measure_idle(report, scratch.path());
    measure_rpmb(report);
    // Where the build is, since /tmp may be memory.
    const Scratch disk(std::filesystem::absolute(options.json).parent_path());
    measure_rpmb_disk(report, disk.path());
  }
  return with_testpmd && measure_testpmd(report, links);
}

void measure(Report& report, const Options& options) {
  bool with_testpmd = options.with_peers;
  for (unsigned round = 0; round < options.rounds; ++round) {
    report.begin_round();
    if (options.link.type.empty()) {
      with_testpmd = measure_round(report, options, with_testpmd);
    } else {
      measure_one_link(report, options.link);
    }
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
  CLI::App app("Measures Stratos links against what this machine allows and against peers.");
  stratos::bench::Options options;
  app.add_option("--json", options.json, "where to write the figures")->capture_default_str();
  app.add_option("--rounds", options.rounds, "how often to measure all; the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_flag("!--no-peer", options.with_peers, "leave other people's programs out");
  app.add_flag("--only-vhost-user", options.only_vhost_user, "just that table and its peers");
  app.add_flag("--only-paced", options.only_paced, "just the load of 10 k requests a second");

  stratos::bench::OneLink& link = options.link;
  const char* const kOneLink = "One device that is already served";
  auto* type = app.add_option("--link", link.type, "vhost-user: of any back-end; shm: of a hub")
                   ->check(CLI::IsMember({"vhost-user", "shm"}))
                   ->group(kOneLink);
  auto* socket =
      app.add_option("--socket", link.socket, "the back-end's, or the hub's driver socket")
          ->needs(type)
          ->group(kOneLink);
  auto* device = app.add_option("--device-id", link.device_id, "what it is: VIRTIO_ID_*")
                     ->needs(type)
                     ->group(kOneLink);
  type->needs(socket)->needs(device);
  app.add_flag("--packed", link.packed, "packed rings")->needs(type)->group(kOneLink);
  app.add_option("--requests", link.requests, "how many, one at a time")
      ->check(CLI::Range(1'000, 100'000'000))
      ->needs(type)
      ->group(kOneLink);
  CLI11_PARSE(app, argc, argv);
  return stratos::bench::run(options);
}
