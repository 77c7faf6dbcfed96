// SPDX-License-Identifier: Apache-2.0
#include "stratosd/config_check.h"

#include <map>
#include <utility>

#include "config/errors.h"
#include "stratosd/config.h"

namespace stratos::daemon {
namespace {

// Reports each value that an earlier item of the same kind has already.
class Unique {
 public:
  Unique(std::string key, std::string advice, config::Errors& errors)
      : key_(std::move(key)), advice_(std::move(advice)), errors_(errors) {}

  void add(const std::string& value, unsigned line) {
    if (value.empty()) return;
    const auto [first, fresh] = lines_.emplace(value, line);
    if (fresh) return;
    errors_.add(line, key_,
                fmt::format("\"{}\" is taken since line {}; {}", value, first->second, advice_));
  }

 private:
  std::string key_;
  std::string advice_;
  config::Errors& errors_;
  std::map<std::string, unsigned> lines_;
};

template <typename Item>
void check_names(const std::vector<Item>& items, const std::string& table, config::Errors& errors) {
  Unique names(table + ".name", "give each a name of its own", errors);
  for (const Item& item : items) names.add(item.name, item.line);
}

// Where a driver side is met there is one seat; two recorders would write over each
// other.
void check_exclusive(const Config& config, config::Errors& errors) {
  std::map<std::string, Unique> endpoints;
  for (const LinkConfig& link : config.links) {
    const auto [key, path] = link.plan->endpoint();
    endpoints
        .try_emplace(key, "link." + key, fmt::format("a link needs a {} of its own", key), errors)
        .first->second.add(path, link.line);
  }
  Unique records("bus.record", "write another file", errors);
  for (const BusConfig& bus : config.buses) records.add(bus.record, bus.line);
}

void check_numbers(const Config& config, config::Errors& errors) {
  std::map<std::pair<std::string, uint16_t>, const DeviceConfig*> taken;
  for (const DeviceConfig& device : config.devices) {
    const auto [first, fresh] = taken.try_emplace({device.link, device.number}, &device);
    if (fresh) continue;
    errors.add(device.line, "device.number",
               fmt::format("{} is taken on link \"{}\" by \"{}\" since line {}; give each device "
                           "of a link a number of its own",
                           device.number, device.link, first->second->name, first->second->line));
  }
}

// Two devices that write to one file would each undo what the other did.
void check_owned_paths(const Config& config, config::Errors& errors) {
  struct Owner {
    const DeviceConfig* device;
    std::string key;
  };
  std::map<std::string, Owner> owners;
  for (const DeviceConfig& device : config.devices) {
    for (OwnedPath& owned : device.plan->owned_paths()) {
      const auto [first, fresh] = owners.try_emplace(owned.path, Owner{&device, owned.key});
      if (fresh) continue;
      const Owner& owner = first->second;
      errors.add(device.line, "device." + owned.key,
                 fmt::format("\"{}\" is the {} of \"{}\" since line {}; give each device files of "
                             "its own",
                             owned.path, owner.key, owner.device->name, owner.device->line));
    }
  }
}

}  // namespace

void check_config(const Config& config, config::Errors& errors) {
  if (config.links.empty()) {
    errors.add(0, "link", "is missing; describe at least one [[link]]");
  }
  check_names(config.links, "link", errors);
  check_names(config.buses, "bus", errors);
  check_names(config.devices, "device", errors);
  check_exclusive(config, errors);
  check_numbers(config, errors);
  check_owned_paths(config, errors);
  for (const LinkConfig& link : config.links) link.plan->check(link, config, errors);
  for (const DeviceConfig& device : config.devices) {
    if (!config.link(device.link)) {
      errors.add(device.line, "device.link", unknown_name(device.link, "link", config.links));
    }
    device.plan->check(device, config, errors);
  }
}

}  // namespace stratos::daemon
