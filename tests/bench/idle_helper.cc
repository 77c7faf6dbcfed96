// SPDX-License-Identifier: Apache-2.0

#include "idle_helper.h"

#include <fmt/core.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "hub_door.h"
#include "hub_process.h"
#include "machine.h"
#include "program.h"

namespace stratos::bench {
namespace {

// Shorter than the dead time: the driver side here beats only between measurements.
constexpr std::chrono::seconds kWatch{4};

// A line of /proc/PID/status, in KiB.
double status_kib(pid_t pid, const std::string& key) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1));
  throw std::runtime_error("no " + key + " in /proc");
}

std::string write_config(const std::string& scratch, const std::string& device_socket) {
  const std::string path = scratch + "/stratosd.toml";
  std::ofstream(path) << fmt::format(
      "[stratosd]\ncontrol_socket = \"{}/control\"\n"
      "[[link]]\nname = \"idle\"\ntype = \"shm\"\nsocket = \"{}\"\n"
      "[[bus]]\nname = \"bus\"\ntype = \"virtual\"\n"
      "[[device]]\nname = \"can\"\ntype = \"can\"\nlink = \"idle\"\nnumber = 0\nbus = \"bus\"\n",
      scratch, device_socket);
  return path;
}

}  // namespace

IdleFigures watch_idle_helper(const std::string& scratch) {
  const HubProcess hub(scratch, "idle");
  const Program helper({STRATOSD, "--config", write_config(scratch, hub.device_socket())});
  const HubDoor driver(hub.driver_socket(), {.queue_size = 64});

  const uint64_t before = cpu_time_ns(helper.pid());
  std::this_thread::sleep_for(kWatch);
  const uint64_t used = cpu_time_ns(helper.pid()) - before;
  const double kib = status_kib(helper.pid(), "RssAnon") + status_kib(helper.pid(), "RssFile");
  return {.cpu_percent = static_cast<double>(used) * 100.0 / 1e9 / kWatch.count(),
          .rss_mib = kib / 1024.0};
}

}  // namespace stratos::bench
