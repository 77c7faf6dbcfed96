// SPDX-License-Identifier: Apache-2.0
#include "hub/config.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "config/errors.h"
#include "config/table_reader.h"
#include "ivshmem/protocol.h"

namespace stratos::hub {
namespace {

using config::Errors;
using config::TableReader;

constexpr uint64_t kMinSize = 1 << 20;
constexpr uint64_t kMaxSize = uint64_t{1} << 40;

std::optional<uint32_t> parse_number(std::string_view text, int base) {
  uint32_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) return {};
  return value;
}

uint64_t read_size(TableReader& reader) {
  if (!reader.has("size")) {
    reader.error("size", "is missing; write the size of the region, such as \"4M\"");
  }
  const uint64_t size = reader.size("size", kMinSize, {kMinSize, kMaxSize});
  if (!std::has_single_bit(size)) {
    reader.error("size", fmt::format("{} is no power of two, and QEMU aborts on such a region; "
                                     "write \"{}M\"",
                                     size, std::bit_ceil(size) >> 20));
  }
  return size;
}

void read_permissions(TableReader& reader, LinkConfig& link) {
  if (const std::string owner = reader.optional("owner", ""); !owner.empty()) {
    if (const auto id = parse_number(owner, 10)) {
      link.owner = *id;
    } else if (const passwd* user = getpwnam(owner.c_str())) {
      link.owner = user->pw_uid;
    } else {
      reader.error("owner",
                   fmt::format("there is no user \"{}\"; create it or name another", owner));
    }
  }
  if (const std::string group = reader.optional("group", ""); !group.empty()) {
    if (const auto id = parse_number(group, 10)) {
      link.group = *id;
    } else if (const ::group* found = getgrnam(group.c_str())) {
      link.group = found->gr_gid;
    } else {
      reader.error("group",
                   fmt::format("there is no group \"{}\"; create it or name another", group));
    }
  }
  const std::string text = reader.optional("mode", "0660");
  const auto mode = parse_number(text, 8);
  if (mode && *mode <= 0777) {
    link.mode = *mode;
  } else {
    reader.error("mode",
                 fmt::format("\"{}\" is no mode; write octal digits such as \"0660\"", text));
  }
}

LinkConfig read_link(const toml::table& table, Errors& errors) {
  TableReader reader(table, "link", errors);
  LinkConfig link;
  link.name = reader.name("name");
  link.size = read_size(reader);
  link.driver_socket = reader.socket_path("driver_socket", std::nullopt,
                                          "write the path of the socket that QEMU connects to");
  link.device_socket = reader.socket_path("device_socket", std::nullopt,
                                          "write the path of the socket that stratosd connects to");
  link.vectors = static_cast<uint16_t>(reader.integer("vectors", 1, {1, ivshmem::kMaxVectors}));
  read_permissions(reader, link);
  reader.finish("[[link]]");
  return link;
}

// What no two links may share, and no link with itself.
class Taken {
 public:
  Taken(const toml::table& table, Errors& errors) : reader_(table, "link", errors) {}

  void check(std::string_view key, const std::string& value, std::vector<std::string>& seen) {
    if (value.empty()) return;
    if (std::ranges::find(seen, value) != seen.end()) {
      reader_.error(key, fmt::format("\"{}\" is in use above; choose another", value));
    }
    seen.push_back(value);
  }

 private:
  TableReader reader_;
};

Config read_links(const toml::table& root, Errors& errors) {
  Config config;
  TableReader reader(root, "file", errors);
  std::vector<std::string> names;
  std::vector<std::string> paths;
  const toml::array* links = root["link"].as_array();
  if (links == nullptr || links->empty() || !links->is_array_of_tables()) {
    errors.add(1, "link", "is missing; write at least one [[link]]");
  } else {
    for (const toml::node& node : *links) {
      const toml::table& table = *node.as_table();
      config.links.push_back(read_link(table, errors));
      const LinkConfig& link = config.links.back();
      Taken taken(table, errors);
      taken.check("name", link.name, names);
      taken.check("driver_socket", link.driver_socket, paths);
      taken.check("device_socket", link.device_socket, paths);
    }
  }
  for (const auto& [key, node] : root) {
    if (key.str() == "link") continue;
    errors.add(node.source().begin.line, key.str(), "is not a key of the file; known is [[link]]");
  }
  return config;
}

}  // namespace

ConfigResult parse_config(std::string_view text, const std::string& file) {
  Errors errors;
  Config config;
  try {
    config = read_links(toml::parse(text, file), errors);
  } catch (const toml::parse_error& error) {
    errors.add(error.source().begin.line, "syntax", error.description());
  }
  if (!errors.empty()) return std::unexpected(errors.lines(file));
  return config;
}

ConfigResult load_config(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) {
    return std::unexpected(std::vector<std::string>{fmt::format(
        "{}: {}; give a file with --config, or links with --link", file, std::strerror(errno))});
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return parse_config(text, file);
}

ConfigResult parse_link_options(const std::vector<std::string>& options) {
  // Becomes the file that says the same, one line per option.
  std::string text;
  unsigned line = 0;
  for (const std::string& option : options) {
    ++line;
    std::string table;
    size_t start = 0;
    while (start <= option.size()) {
      const size_t end = std::min(option.find(',', start), option.size());
      const std::string pair = option.substr(start, end - start);
      start = end + 1;
      const size_t equals = pair.find('=');
      if (equals == 0 || equals == std::string::npos ||
          pair.find_first_of("'\"\n\r") != std::string::npos) {
        return std::unexpected(std::vector<std::string>{
            fmt::format("--link:{}: \"{}\" is not key=value; write name=N,size=S,driver-socket=P,"
                        "device-socket=P",
                        line, pair)});
      }
      std::string key = pair.substr(0, equals);
      std::ranges::replace(key, '-', '_');
      const std::string value = pair.substr(equals + 1);
      const bool bare = key == "vectors";  // the only number
      table += fmt::format("{}\"{}\" = {}", table.empty() ? "" : ", ", key,
                           bare ? value : fmt::format("'{}'", value));
    }
    text += fmt::format("{}{{{}}}", line == 1 ? "link = [" : ",\n", table);
  }
  return parse_config(text + "]", "--link");
}

}  // namespace stratos::hub
