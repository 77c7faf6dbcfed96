// SPDX-License-Identifier: Apache-2.0
#include "hub/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace stratos::hub {
namespace {

constexpr const char* kGood = R"([[link]]
name = "a"
size = "4M"
driver_socket = "/run/a.qemu"
device_socket = "/run/a.sock"
)";

TEST(HubConfig, ReadsALink) {
  const auto config = parse_config(
      std::string(kGood) + "vectors = 2\nmode = \"0600\"\ngroup = \"0\"\n", "hub.toml");
  ASSERT_TRUE(config.has_value()) << config.error().front();
  ASSERT_EQ(config->links.size(), 1U);
  const LinkConfig& link = config->links[0];
  EXPECT_EQ(link.name, "a");
  EXPECT_EQ(link.size, 4U << 20);
  EXPECT_EQ(link.driver_socket, "/run/a.qemu");
  EXPECT_EQ(link.device_socket, "/run/a.sock");
  EXPECT_EQ(link.vectors, 2);
  EXPECT_EQ(link.mode, 0600U);
  EXPECT_EQ(link.group, 0U);
  EXPECT_EQ(link.owner, static_cast<uid_t>(-1));
}

struct Mistake {
  const char* what;
  std::string text;
  const char* begins;    // of the first line
  const char* contains;  // somewhere in that line
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.what; }

// kGood with one line replaced, or added where `was` is empty.
std::string with(const std::string& was, const std::string& is) {
  std::string text = kGood;
  if (was.empty()) return text + is + "\n";
  const size_t start = text.find(was);
  return text.replace(start, text.find('\n', start) - start, is);
}

class HubConfigMistake : public testing::TestWithParam<Mistake> {};

TEST_P(HubConfigMistake, IsReportedWithFileLineAndKey) {
  const auto config = parse_config(GetParam().text, "hub.toml");
  ASSERT_FALSE(config.has_value());
  const std::string& line = config.error().front();
  EXPECT_EQ(line.find(GetParam().begins), 0U) << line;
  EXPECT_NE(line.find(GetParam().contains), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

INSTANTIATE_TEST_SUITE_P(
    All, HubConfigMistake,
    testing::Values(
        Mistake{"empty file", "", "hub.toml:", "[[link]]"},
        Mistake{"no array", "link = 3\n", "hub.toml:", "[[link]]"},
        Mistake{"syntax", "[[link]\n", "hub.toml:1:", ""},
        Mistake{"no power of two", with("size", "size = \"3M\""), "hub.toml:3: link.size", "4M"},
        Mistake{"too small", with("size", "size = \"512K\""), "hub.toml:3: link.size", "1M"},
        Mistake{"no size", with("size", "size = \"big\""), "hub.toml:3: link.size", "big"},
        Mistake{"negative size", with("size", "size = -1"), "hub.toml:3: link.size", "-1"},
        Mistake{"size missing", with("size", ""), "hub.toml:1: link.size", "missing"},
        Mistake{"name missing", with("name", ""), "hub.toml:1: link.name", "missing"},
        Mistake{"bad name", with("name", "name = \"a/b\""), "hub.toml:2: link.name", "a/b"},
        Mistake{"driver socket missing", with("driver_socket", ""),
                "hub.toml:1: link.driver_socket", "QEMU"},
        Mistake{"device socket missing", with("device_socket", ""),
                "hub.toml:1: link.device_socket", "stratosd"},
        Mistake{"same socket twice", with("device_socket", "device_socket = \"/run/a.qemu\""),
                "hub.toml:5: link.device_socket", "/run/a.qemu"},
        Mistake{"same name twice",
                std::string(kGood) + "[[link]]\nname = \"a\"\nsize = \"1M\"\n" +
                    "driver_socket = \"/run/b.qemu\"\ndevice_socket = \"/run/b.sock\"\n",
                "hub.toml:7: link.name", "\"a\""},
        Mistake{"unknown key", with("", "vector = 1"), "hub.toml:6: link.vector", "vectors"},
        Mistake{"unknown table", std::string(kGood) + "[hub]\nx = 1\n", "hub.toml:6: hub",
                "[[link]]"},
        Mistake{"no vectors", with("", "vectors = 0"), "hub.toml:6: link.vectors", "0"},
        Mistake{"too many vectors", with("", "vectors = 1000"), "hub.toml:6: link.vectors", "1000"},
        Mistake{"mode", with("", "mode = \"0888\""), "hub.toml:6: link.mode", "0888"},
        Mistake{"wide mode", with("", "mode = \"4777\""), "hub.toml:6: link.mode", "4777"},
        Mistake{"group", with("", "group = \"no-such-group\""), "hub.toml:6: link.group",
                "no-such-group"},
        Mistake{"owner", with("", "owner = \"no-such-user\""), "hub.toml:6: link.owner",
                "no-such-user"},
        Mistake{"long path",
                with("driver_socket", "driver_socket = \"/" + std::string(200, 'x') + "\""),
                "hub.toml:4: link.driver_socket", "107"}));

TEST(HubConfig, ReportsAllMistakesAtOnce) {
  const auto config = parse_config("[[link]]\nname = \"a\"\nsize = 3\nmode = 7\n", "f");
  ASSERT_FALSE(config.has_value());
  EXPECT_GE(config.error().size(), 4U);
}

TEST(HubConfig, MissingFileIsOneLineThatNamesIt) {
  const auto config = load_config("/nonexistent/hub.toml");
  ASSERT_FALSE(config.has_value());
  ASSERT_EQ(config.error().size(), 1U);
  EXPECT_NE(config.error()[0].find("/nonexistent/hub.toml"), std::string::npos);
}

TEST(HubConfig, LinkOptionSaysTheSameAsAFile) {
  const auto config = parse_link_options(
      {"name=a,size=1M,driver-socket=/t/a.qemu,device-socket=/t/a.sock,vectors=2",
       "name=b,size=2M,driver-socket=/t/b.qemu,device-socket=/t/b.sock"});
  ASSERT_TRUE(config.has_value()) << config.error().front();
  ASSERT_EQ(config->links.size(), 2U);
  EXPECT_EQ(config->links[0].vectors, 2);
  EXPECT_EQ(config->links[1].device_socket, "/t/b.sock");
}

TEST(HubConfig, MistakeInALinkOptionNamesTheOption) {
  for (const char* option : {"", "name", "=a", "name=a", "name=a,,size=1M", "name='a'",
                             "name=a,size=3M,driver-socket=/t/a,device-socket=/t/b",
                             "name=a,size=1M,driver-socket=/t/a,device-socket=/t/b,colour=red"}) {
    const auto config = parse_link_options({option});
    ASSERT_FALSE(config.has_value()) << option;
    EXPECT_EQ(config.error().front().find("--link:1: "), 0U) << config.error().front();
  }
}

}  // namespace
}  // namespace stratos::hub
