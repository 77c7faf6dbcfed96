// SPDX-License-Identifier: Apache-2.0
#include "stratosd/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "config/errors.h"
#include "config/suggestion.h"
#include "config/table_reader.h"
#include "stratosd/config_check.h"
#include "stratosd/device_types.h"
#include "stratosd/link_types.h"
#include "virtio/limits.h"

namespace stratos::daemon {
namespace {

constexpr std::string_view kLogLevels[] = {"debug", "info", "warn", "error"};
constexpr std::string_view kSandboxModes[] = {"kill", "log", "off"};
constexpr std::string_view kBusTypes[] = {"socketcan", "virtual"};

constexpr config::Range kPollTimeRange{0, 1'000'000};
constexpr config::Range kOverloadRange{0, 60'000};
constexpr config::Range kHubTimeoutRange{100, 600'000};
constexpr config::Range kBitrateRange{0, 20'000'000};
constexpr config::Range kRoundsRange{0, 1'000'000'000};
constexpr config::Range kNumberRange{0, virtio::kMaxDevices - 1};
constexpr config::Range kMemoryRange{64 << 10, 1 << 30};
constexpr uint64_t kDefaultMemory = 1 << 20;
constexpr uint64_t kMemoryUnit = 4096;
constexpr size_t kMaxInterfaceName = 15;

DaemonConfig read_daemon(config::TableReader reader) {
  DaemonConfig daemon;
  daemon.control_socket = reader.socket_path("control_socket", daemon.control_socket, {});
  daemon.poll_time = std::chrono::microseconds(reader.integer(
      "poll_time_us", static_cast<uint64_t>(daemon.poll_time.count()), kPollTimeRange));
  daemon.hub_timeout = std::chrono::milliseconds(reader.integer(
      "hub_timeout_ms", static_cast<uint64_t>(daemon.hub_timeout.count()), kHubTimeoutRange));
  daemon.log_level = reader.choice("log_level", "info", kLogLevels);
  daemon.user = reader.optional("user", "");
  daemon.group = reader.optional("group", "");
  const std::string sandbox = reader.choice("sandbox", "kill", kSandboxModes);
  if (sandbox == "log") daemon.sandbox = Sandbox::kLog;
  if (sandbox == "off") daemon.sandbox = Sandbox::kOff;
  reader.finish("[stratosd]");
  return daemon;
}

// The entry of the `type` that a table names; nullptr if it names none that is known.
template <typename Entry>
const Entry* read_type(config::TableReader& reader, std::span<const Entry> entries,
                       std::string& type) {
  std::vector<std::string_view> names;
  std::ranges::transform(entries, std::back_inserter(names), &Entry::name);
  type = reader.choice("type", std::nullopt, names);
  const auto entry = std::ranges::find(entries, type, &Entry::name);
  return entry == entries.end() ? nullptr : &*entry;
}

LinkConfig read_link(config::TableReader reader) {
  LinkConfig link;
  link.line = reader.line();
  link.name = reader.name("name");
  const LinkTypeEntry* entry = read_type(reader, link_types(), link.type);
  if (!entry) return link;  // which keys belong here is not known
  link.plan = entry->read(reader);
  reader.finish(fmt::format("a [[link]] of type \"{}\"", link.type));
  return link;
}

BusConfig read_bus(config::TableReader reader) {
  BusConfig bus;
  bus.line = reader.line();
  bus.name = reader.name("name");
  const std::string type = reader.choice("type", std::nullopt, kBusTypes);
  if (type == "socketcan") {
    bus.type = BusType::kSocketcan;
    bus.interface = reader.required("interface", "write the CAN interface, such as \"can0\"");
    if (bus.interface.size() > kMaxInterfaceName) {
      reader.error("interface", fmt::format("\"{}\" is no interface name; it has at most {} bytes",
                                            bus.interface, kMaxInterfaceName));
    }
  } else if (type == "virtual") {
    bus.bitrate = static_cast<uint32_t>(reader.integer("bitrate", 0, kBitrateRange));
    bus.data_bitrate = static_cast<uint32_t>(reader.integer("data_bitrate", 0, kBitrateRange));
    bus.overload = std::chrono::milliseconds(
        reader.integer("overload_ms", static_cast<uint64_t>(bus.overload.count()), kOverloadRange));
    bus.replay = reader.optional("replay", "");
    bus.replay_rounds = static_cast<uint32_t>(reader.integer("replay_rounds", 1, kRoundsRange));
    bus.record = reader.optional("record", "");
    if (!bus.replay.empty() && bus.replay == bus.record) {
      reader.error("record", "is the file that is replayed; write another file");
    }
  } else {
    return bus;
  }
  reader.finish(fmt::format("a [[bus]] of type \"{}\"", type));
  return bus;
}

DeviceConfig read_device(config::TableReader reader) {
  DeviceConfig device;
  device.line = reader.line();
  device.name = reader.name("name");
  const DeviceTypeEntry* entry = read_type(reader, device_types(), device.type);
  device.link = reader.required("link", "name a [[link]]");
  device.number = static_cast<uint16_t>(reader.integer("number", std::nullopt, kNumberRange));
  device.memory = reader.size("memory", kDefaultMemory, kMemoryRange);
  if (device.memory % kMemoryUnit != 0) {
    reader.error("memory",
                 fmt::format("{} is no multiple of {}; round it up", device.memory, kMemoryUnit));
  }
  if (!entry) return device;
  device.plan = entry->read(reader);
  reader.finish(fmt::format("a [[device]] of type \"{}\"", device.type));
  return device;
}

// The tables of [[name]], read one by one with `read`.
template <typename Item>
std::vector<Item> read_list(const toml::table& root, std::string_view name,
                            Item (*read)(config::TableReader), config::Errors& errors) {
  std::vector<Item> items;
  const toml::node* node = root.get(name);
  if (!node) return items;
  if (!node->is_array_of_tables()) {
    errors.add(node->source().begin.line, name,
               fmt::format("is no list of tables; write [[{}]] above each", name));
    return items;
  }
  for (const toml::node& element : *node->as_array()) {
    items.push_back(read(config::TableReader(*element.as_table(), name, errors)));
  }
  return items;
}

void report_unknown_tables(const toml::table& root, config::Errors& errors) {
  constexpr std::string_view kTables[] = {"stratosd", "link", "bus", "device"};
  for (const auto& [key, node] : root) {
    if (std::ranges::find(kTables, key.str()) != std::end(kTables)) continue;
    errors.add(node.source().begin.line, key.str(),
               fmt::format("is no table of this file; {}",
                           config::suggest(key.str(), kTables, "known tables are")));
  }
}

Config read_root(const toml::table& root, config::Errors& errors) {
  Config config;
  report_unknown_tables(root, errors);
  if (const toml::node* node = root.get("stratosd")) {
    if (node->is_table()) {
      config.daemon = read_daemon(config::TableReader(*node->as_table(), "stratosd", errors));
    } else {
      errors.add(node->source().begin.line, "stratosd", "is no table; write [stratosd] once");
    }
  }
  config.links = read_list<LinkConfig>(root, "link", read_link, errors);
  config.buses = read_list<BusConfig>(root, "bus", read_bus, errors);
  config.devices = read_list<DeviceConfig>(root, "device", read_device, errors);
  return config;
}

template <typename Item>
const Item* find_name(const std::vector<Item>& items, std::string_view name) {
  const auto found = std::ranges::find(items, name, &Item::name);
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const LinkConfig* Config::link(std::string_view name) const { return find_name(links, name); }
const BusConfig* Config::bus(std::string_view name) const { return find_name(buses, name); }

std::expected<Config, std::vector<std::string>> parse_config(std::string_view text,
                                                             const std::string& file) {
  config::Errors errors;
  try {
    const toml::table root = toml::parse(text);
    Config config = read_root(root, errors);
    if (errors.empty()) check_config(config, errors);
    if (errors.empty()) return config;
  } catch (const toml::parse_error& error) {
    errors.add(error.source().begin.line, "syntax",
               fmt::format("{}; correct the TOML", error.description()));
  }
  return std::unexpected(errors.lines(file));
}

std::expected<Config, std::vector<std::string>> load_config(const std::string& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad()) {
    config::Errors errors;
    errors.add(0, "file",
               fmt::format("cannot be read ({}); give the path of a readable file",
                           std::generic_category().message(errno)));
    return std::unexpected(errors.lines(file));
  }
  return parse_config(text, file);
}

}  // namespace stratos::daemon
