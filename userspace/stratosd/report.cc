// SPDX-License-Identifier: Apache-2.0
#include "stratosd/report.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "virtio/features.h"

namespace stratos::daemon {
namespace {

using nlohmann::ordered_json;

std::string_view name_of(BusType type) {
  return type == BusType::kVirtual ? "virtual" : "socketcan";
}

// The furthest point that a driver reached, or what went wrong.
std::string_view name_of_status(uint32_t status) {
  constexpr std::pair<uint32_t, std::string_view> kNames[] = {
      {virtio::kStatusFailed, "failed"},      {virtio::kStatusNeedsReset, "needs-reset"},
      {virtio::kStatusDriverOk, "driver-ok"}, {virtio::kStatusFeaturesOk, "features-ok"},
      {virtio::kStatusDriver, "driver"},      {virtio::kStatusAcknowledge, "acknowledged"},
  };
  for (const auto& [bit, name] : kNames) {
    if ((status & bit) != 0) return name;
  }
  return "reset";
}

class Reporter {
 public:
  explicit Reporter(const Subjects& subjects) : subjects_(subjects) {}

  ordered_json status() const;
  ordered_json stats() const;
  ordered_json list() const;

 private:
  const virtio::Instance* instance(const DeviceConfig& device) const {
    for (const auto& unit : subjects_.links) {
      if (unit->config().name == device.link) return unit->instance(device.number);
    }
    return nullptr;
  }
  template <typename Describe>
  ordered_json each_device(Describe describe) const {
    auto list = ordered_json::array();
    for (size_t i = 0; i < subjects_.devices.size(); ++i) {
      list.push_back(describe(subjects_.config.devices[i], *subjects_.devices[i]));
    }
    return list;
  }

  ordered_json link_status(const LinkUnit& unit) const;
  ordered_json link_stats(const LinkUnit& unit) const;
  ordered_json device_status(const DeviceConfig& config, const HostedDevice& device) const;
  ordered_json device_stats(const DeviceConfig& config, const HostedDevice& device) const;

  const Subjects& subjects_;
};

ordered_json Reporter::link_status(const LinkUnit& unit) const {
  const auto devices =
      std::ranges::count(subjects_.config.devices, unit.config().name, &DeviceConfig::link);
  ordered_json status{
      {"name", unit.config().name}, {"type", unit.config().type}, {"devices", devices}};
  status.update(unit.status());
  return status;
}

ordered_json Reporter::device_status(const DeviceConfig& config, const HostedDevice& device) const {
  const virtio::Instance* bound = instance(config);
  ordered_json status{{"name", config.name},
                      {"type", config.type},
                      {"link", config.link},
                      {"number", config.number},
                      {"status", bound ? name_of_status(bound->status()) : "detached"}};
  status["features"] =
      bound ? device.feature_names(bound->driver_features()) : std::vector<std::string>();
  return status;
}

ordered_json Reporter::status() const {
  constexpr uint64_t kSecond = 1'000'000'000;
  auto links = ordered_json::array();
  for (const auto& unit : subjects_.links) links.push_back(link_status(*unit));
  return {{"version", STRATOS_VERSION},
          {"pid", ::getpid()},
          {"uptime_s", (subjects_.loop.now() - subjects_.started_at) / kSecond},
          {"links", links},
          {"devices", each_device([this](const DeviceConfig& config, const HostedDevice& device) {
             return device_status(config, device);
           })}};
}

ordered_json Reporter::link_stats(const LinkUnit& unit) const {
  ordered_json stats{{"name", unit.config().name}};
  stats.update(unit.stats());
  return stats;
}

ordered_json Reporter::device_stats(const DeviceConfig& config, const HostedDevice& device) const {
  ordered_json stats{{"name", config.name}, {"link", config.link}, {"number", config.number}};
  auto queues = ordered_json::array();
  if (const virtio::Instance* bound = instance(config)) {
    const virtio::DeviceCounters& c = bound->counters();
    stats.update({{"status", name_of_status(bound->status())},
                  {"driver_starts", c.starts},
                  {"resets", c.resets},
                  {"needs_reset", c.needs_reset},
                  {"malformed", c.malformed}});
    for (uint16_t i = 0; i < bound->queue_count(); ++i) {
      const virtio::QueueCounters q = bound->queue_counters(i);
      queues.push_back({{"name", device.queue_name(i)},
                        {"size", bound->queue_state(i).setup.size},
                        {"kicks", q.kicks},
                        {"chains", q.chains},
                        {"used", q.used},
                        {"notified", q.notifications_sent},
                        {"not_notified", q.notifications_suppressed}});
    }
  }
  stats["model"] = device.counters();
  stats["queues"] = queues;
  return stats;
}

ordered_json Reporter::stats() const {
  const runtime::Loop::Counters& c = subjects_.loop.counters();
  auto links = ordered_json::array();
  for (const auto& unit : subjects_.links) links.push_back(link_stats(*unit));
  return {{"loop",
           {{"turns", c.turns},
            {"sleeps", c.sleeps},
            {"system_calls", c.system_calls},
            {"completions", c.completions}}},
          {"links", links},
          {"buses", subjects_.buses.counters()},
          {"devices", each_device([this](const DeviceConfig& config, const HostedDevice& device) {
             return device_stats(config, device);
           })}};
}

ordered_json Reporter::list() const {
  auto links = ordered_json::array();
  for (const LinkConfig& link : subjects_.config.links) {
    links.push_back(
        {{"name", link.name}, {"type", link.type}, {"endpoint", link.plan->endpoint().path}});
    links.back().update(link.plan->options());
  }
  auto buses = ordered_json::array();
  for (const BusConfig& bus : subjects_.config.buses) {
    buses.push_back({{"name", bus.name},
                     {"type", name_of(bus.type)},
                     {"interface", bus.interface},
                     {"bitrate", bus.bitrate},
                     {"replay", bus.replay},
                     {"record", bus.record}});
  }
  auto devices = ordered_json::array();
  for (const DeviceConfig& device : subjects_.config.devices) {
    devices.push_back({{"name", device.name},
                       {"type", device.type},
                       {"link", device.link},
                       {"number", device.number},
                       {"memory", device.memory}});
  }
  return {{"links", links}, {"buses", buses}, {"devices", devices}};
}

}  // namespace

ordered_json report(control::ControlOp op, const Subjects& subjects) {
  const Reporter reporter(subjects);
  switch (op) {
    case control::ControlOp::kStatus:
      return reporter.status();
    case control::ControlOp::kStats:
      return reporter.stats();
    case control::ControlOp::kList:
      break;
  }
  return reporter.list();
}

}  // namespace stratos::daemon
